"""All that is known of one image, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cvlib.journal import numbers

if TYPE_CHECKING:
    from cvlib.journal.mistakes import Mistakes


def facts(found: Mistakes, image: int) -> list[tuple[str, str]]:
    """Names with values: label, each model's answer, scores, properties, verdict."""
    names, subject = found.class_names, found.cases.subject
    row = subject.row_of[image]
    said = [("Label", names[int(subject.labels[row])])]
    for model in found.cases.models:
        if (own := model.row_of.get(image)) is not None:
            answer = names[int(model.answer[own])]
            value = f"{answer}, {100 * model.confidence[own]:.0f}%"
            seeds = model.wrong[:, own]
            if len(seeds) > 1:
                value += f" ({int((~seeds).sum())} of {len(seeds)} seeds right)"
            said.append((model.variant.label, value))
    said.append(("Hardness", f"{found.scores['hardness'][row]:.2f} nats"))
    said.append(("Mistakenness", f"{found.scores['mistakenness'][row]:.2f}"))
    suggested = found.suggested_labels.get(image)
    if suggested is not None:
        said.append(("Label by confident learning", names[suggested]))
    for name, values in found.properties.items():
        if np.ptp(values) > 0:  # the same for every image, such as the size, says nothing
            said.append((name.replace("_", " ").capitalize(), numbers.two_digits(values[row])))
    if image in found.verdicts:
        said.append(("Review", found.verdicts[image].replace("-", " ")))
    said.append(("Image", found.pictures.names(subject.ids[[row]])[0]))
    # a colon would be read as the end of the name
    return [(name.replace(": ", " "), value) for name, value in said]
