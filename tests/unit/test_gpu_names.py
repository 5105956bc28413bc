"""What nvidia-smi calls a card, by the name the estimate's table has for it."""

import pytest

from lib.core.gpu_names import short, table_name, together
from lib.store import estimate_tables

MIB = 2**20
TABLE = list(estimate_tables.gpus().values())


@pytest.mark.parametrize(
    ("name", "mib", "known"),
    [
        ("NVIDIA GeForce RTX 3060", 12288, "RTX 3060 12GB"),
        ("NVIDIA GeForce RTX 3080", 10240, "RTX 3080 10GB"),
        ("NVIDIA GeForce RTX 4060 Ti", 16380, "RTX 4060 Ti 16GB"),
        ("NVIDIA GeForce RTX 4070 Ti SUPER", 16376, "RTX 4070 Ti SUPER"),
        ("NVIDIA GeForce RTX 4090", 24564, "RTX 4090"),
        ("NVIDIA RTX A6000", 49140, "RTX A6000"),
        ("NVIDIA A40", 46068, "A40"),
        ("NVIDIA L4", 23034, "L4"),
        ("NVIDIA L40S", 46068, "L40S"),
        ("NVIDIA A100-SXM4-40GB", 40960, "A100 40GB"),
        ("NVIDIA A100-PCIE-40GB", 40960, "A100 40GB"),
        ("NVIDIA A100-SXM4-80GB", 81920, "A100 80GB SXM"),
        ("NVIDIA A100 80GB PCIe", 81920, "A100 80GB PCIe"),
        ("NVIDIA H100 80GB HBM3", 81559, "H100 80GB SXM"),
        ("NVIDIA H100 PCIe", 81559, "H100 80GB PCIe"),
        ("NVIDIA H200", 143771, "H200 141GB SXM"),
    ],
)
def test_known_cards(name: str, mib: int, known: str) -> None:
    """As the drivers of these cards really call them."""
    assert table_name(name, mib * MIB, TABLE) == known


@pytest.mark.parametrize(
    ("name", "mib"),
    [
        ("NVIDIA GeForce RTX 3060", 8192),  # the small one
        ("NVIDIA GeForce RTX 3080", 12288),
        ("NVIDIA GeForce RTX 3080 Ti", 10240),
        ("NVIDIA GeForce RTX 4090 D", 24564),
        ("NVIDIA GeForce RTX 4080 SUPER", 16376),
        ("NVIDIA GeForce RTX 3070 Laptop GPU", 8192),
        ("NVIDIA H100 NVL", 95830),
        ("NVIDIA L40", 46068),
        ("NVIDIA A100", 81920),  # plugged or soldered is not told
        ("Tesla T4", 15360),
    ],
)
def test_others_are_not_taken_for_them(name: str, mib: int) -> None:
    """Nearly the same name is another speed."""
    assert table_name(name, mib * MIB, TABLE) is None


def test_several_cards() -> None:
    assert together(["RTX 4090", "RTX 4090", "L4"]) == "2 × RTX 4090 + L4"
    assert together([]) is None


def test_the_maker_is_left_out() -> None:
    assert short("NVIDIA GeForce RTX 2080 Ti") == "RTX 2080 Ti"
    assert short("NVIDIA") == "NVIDIA"
