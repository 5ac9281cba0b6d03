"""What `fastcar export` ships for cocotb; the files import nothing from this project."""
