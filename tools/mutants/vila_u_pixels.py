"""Planted bugs of VILA-U's pixels, prompts, draws and counted work, and of random checkpoints."""

from __future__ import annotations

from tools.mutants.mutant import Mutant, name_test_file


def _bug(path: str, name: str, old: str, new: str, test: str | None = None) -> Mutant:
    """A mutant of a module; the test of that file must notice, or the one that is named."""
    found_by = name_test_file(path) if test is None else test
    return Mutant(f"VILA-U: {name}", f"{path}.py", old, new, (found_by,))


VILA_U_PIXEL_MUTANTS = (
    _bug(
        "reference/vila_u/convolution",
        "a later run of rows reads the neighbours of the first",
        "top = rows.start + down",
        "top = down",
    ),
    _bug(
        "reference/vila_u/picture_blocks",
        "attention is not scaled",
        "np.float32(channels**-0.5)",
        "np.float32(1)",
        "tests/reference/vila_u/test_pixel_decoder.py",
    ),
    _bug(
        "reference/vila_u/picture_blocks",
        "a resize takes corners for centres",
        "(np.arange(new_size) + 0.5) * (size / new_size) - 0.5",
        "np.arange(new_size) * (size / new_size)",
    ),
    _bug(
        "reference/vila_u/picture_blocks",
        "a norm spans all channels",
        "groups = x.reshape(NORM_GROUPS, -1)",
        "groups = x.reshape(1, -1)",
    ),
    _bug(
        "reference/vila_u/pixel_decoder",
        "levels go from the finest to the coarsest",
        "for level in reversed(range(len(config.level_channels))):",
        "for level in range(len(config.level_channels)):",
    ),
    _bug(
        "reference/vila_u/pixel_decoder",
        "colours beyond the range become pixels",
        "            _check_finite(x, frame)\n",
        "",
    ),
    _bug(
        "reference/vila_u/pixel_decoder_config",
        "attention stands one level too low",
        "coarsest << (num_levels - 1 - level) in sides",
        "coarsest << (num_levels - level) in sides",
    ),
    _bug(
        "reference/vila_u/pixel_decoder_config",
        "another decoder passes for this one",
        "if get_flag(ddconfig.get(key, supported), prefix + key) != supported:",
        "if get_flag(ddconfig.get(key, supported), prefix + key) is None:",
    ),
    _bug(
        "reference/vila_u/prompts",
        "an empty prompt leaves a space",
        'asked = f" {stripped} " if stripped else ""',
        'asked = f" {stripped} "',
    ),
    _bug(
        "reference/vila_u/prompts",
        "rows are padded on the right",
        "ids[index, longest - len(row) :] = row",
        "ids[index, : len(row)] = row",
    ),
    _bug(
        "reference/vila_u/sampling",
        "codes as likely as the k-th go",
        "scaled[scaled < scaled[order[self.top_k - 1]]] = -np.inf",
        "scaled[order[self.top_k :]] = -np.inf",
    ),
    _bug(
        "reference/vila_u/sampling",
        "more codes are kept than there are",
        "if self.top_k > len(scaled):",
        "if self.top_k > 100 * len(scaled):",
    ),
    _bug(
        "reference/vila_u/work",
        "a depth transformer reads its blocks once for all codes",
        "total += sizes.num_layers * (12 * width * width + 2 * (place + 1) * width)",
        "total += sizes.num_layers * (12 * width * width // (place + 1))",
    ),
    _bug(
        "cosim/depth_prediction",
        "the depth transformer is replayed with the rest",
        "share = mlp_share / (1 + added)",
        "share = mlp_share",
    ),
    _bug(
        "tools/vila_u/random_weights",
        "a shard grows beyond its limit",
        "if not shards or size > room:",
        "if not shards or room < 0:",
        "tests/tools/vila_u/test_write_random_checkpoint.py",
    ),
)
"""All planted bugs of these files."""
