"""What the two tasks about the write channel are about: with strobes, and without any."""

from __future__ import annotations

from fastcar.proofs.formal import write_channel, write_strobes


def test_a_channel_without_attention_has_no_strobes_to_prove_anything_of() -> None:
    assert "strobe" not in write_channel.UNIT.export()
    assert "out_strobe" in write_strobes.make_unit_of_head(1).export()
