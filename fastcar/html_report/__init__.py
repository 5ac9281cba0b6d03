"""`fastcar report`: one HTML file of what runs wrote, which loads nothing from anywhere (D-67).

`runs` reads, one file a kind of run; `panels` shows, one file a panel; `page` puts them together.
(`fastcar.report` is another thing: the numbers of `fastcar generate`.)
"""
