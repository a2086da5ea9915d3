"""Real OEIS sequences, generated: prints the SQL that caches them as Backscope would."""

import itertools
import math
from typing import Dict, Iterator, List, Tuple


def fibonacci() -> Iterator[int]:
    """Yield A000045."""
    a, b = 0, 1
    while True:
        yield a
        a, b = b, a + b


SEQUENCES: Dict[str, Tuple[str, int, Iterator[int]]] = {
    "A000045": ("Fibonacci numbers: F(n) = F(n-1) + F(n-2)", 0, fibonacci()),
    "A000040": (
        "The prime numbers", 1,
        (n for n in itertools.count(2) if all(n % d for d in range(2, math.isqrt(n) + 1))),
    ),
    "A000290": ("The squares: a(n) = n^2", 0, (n * n for n in itertools.count())),
    "A000108": (
        "Catalan numbers: C(n) = binomial(2n,n)/(n+1)", 0,
        (math.comb(2 * n, n) // (n + 1) for n in itertools.count()),
    ),
}  # fmt: skip


def insert(length: int = 40) -> str:
    """Make the INSERT statement for the first `length` values of each sequence."""
    rows: List[str] = []
    for number, (name, shift, values) in SEQUENCES.items():
        array = ", ".join(f"'{value}'" for value in itertools.islice(values, length))
        rows.append(f"('{number}', '{name}', {shift}, ARRAY[{array}], true)")
    columns = 'id, name, shift, "values", values_requested'
    return f"INSERT INTO sequences ({columns}) VALUES\n" + ",\n".join(rows) + ";"


if __name__ == "__main__":
    print(insert())
