"""Groups: each signal is in one, in the order of the ports."""

from __future__ import annotations

from fastcar.cosim.wave.groups import group_signals
from fastcar.cosim.wave.recording import place_signals
from tests.cosim.wave.recordings import list_signals


def test_every_signal_is_in_one_group() -> None:
    groups = group_signals(list_signals())
    assert [group.path for group in groups] == [
        "accelerator.run",
        "accelerator.mapping",
        "accelerator.records",
        "accelerator.core0",
        "accelerator.core1",
        "accelerator.registers",
        "accelerator.core0.registers",
    ]
    names = [signal.name for group in groups for signal in group.signals]
    assert sorted(names) == sorted(signal.name for signal in list_signals())
    assert {group.path for group in groups if not group.is_shown} == {
        "accelerator.core0.registers",
        "accelerator.registers",
    }


def test_groups_have_what_belongs_together() -> None:
    found = {group.scope[-1]: group.signals for group in group_signals(list_signals())}
    names = {scope: [signal.name for signal in members] for scope, members in found.items()}
    assert names["run"][:3] == ["reset", "instruction_valid", "instruction_ready"]
    assert {"done", "error_code", "counter_cycles", "counter_wait_queue"} < set(names["run"])
    assert names["records"][0] == "decision_valid"
    assert names["records"][-1] == "retire_digest"
    assert names["mapping"][:2] == ["index_register", "index_valid_register"]
    assert names["mapping"][2:] == [f"mapping_register_{slot}" for slot in range(4)]
    assert len(names["core1"]) == 18
    assert all(name.startswith("core1_") for name in names["core1"])


def test_numbers_of_two_digits_stand_behind_those_of_one() -> None:
    ports = [f"core{core}_write_valid" for core in (10, 2)]
    groups = group_signals(place_signals((name, 1) for name in ports))
    assert [group.scope[-1] for group in groups] == ["core2", "core10"]


def test_strobes_stand_behind_the_data_and_the_token_behind_the_digest() -> None:
    ports = [("retire_token", 16), ("core1_write_strobe", 4), ("core1_write_data", 32)]
    groups = group_signals(place_signals([*ports, ("retire_digest", 32)]))
    found = {group.scope[-1]: [signal.name for signal in group.signals] for group in groups}
    assert found == {
        "records": ["retire_digest", "retire_token"],
        "core1": ["core1_write_data", "core1_write_strobe"],
    }
