"""What `cvlib data` prints of one dataset."""

from __future__ import annotations

from typing import Any

SHOWN = 20  # names listed before the rest is only counted


def inventory_text(found: dict[str, Any]) -> str:
    """Return what `inventory.describe` found, as lines for a terminal."""
    lines = [f"{found['name']}  ({found['where']})"]
    if "counts" in found:
        for split, by_class in found["counts"].items():
            counts = list(by_class.values())
            each = (
                f"{min(counts)}" if min(counts) == max(counts) else f"{min(counts)}-{max(counts)}"
            )
            lines.append(f"  {split:<12} {sum(counts):,} images, {each} a class")
    if "classes" in found:
        names = found["classes"]
        more = f", and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        lines.append(f"  {'classes':<12} {len(names)}: {', '.join(names[:SHOWN])}{more}")
    if "source_sizes" in found:
        shape = found.get("image_shape")
        used = f", used as {shape[0]}×{shape[1]}×{shape[2]}" if shape else ""
        lines.append(f"  {'sizes':<12} {found['source_sizes']}{used}")
    if "fingerprint" in found:
        lines.append(f"  {'fingerprint':<12} {found['fingerprint'][:16]}…")
    for kind in ("unreadable", "ignored"):
        listed = found.get(kind) or []
        if listed:
            lines.append(f"  {kind:<12} {len(listed)}")
            lines.extend(f"    {item['name']}: {item['reason']}" for item in listed[:SHOWN])
            if len(listed) > SHOWN:
                lines.append(f"    and {len(listed) - SHOWN} more")
    if "problem" in found:
        lines.append(f"  {'problem':<12} {found['problem']}")
    return "\n".join(lines)
