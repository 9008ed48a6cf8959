"""The mistakes of one variant, and of others on the same images, as a chapter sees them.

    from cvlib.journal import experiment, mistakes

    found = mistakes(exp01["convs-2"], exp02["last-two"], exp04["lite2"])
    found.confusion()
    found.gallery(["pairs:2", "confident"], each=8)

The first variant is the subject. Heavy packages and pictures are loaded by the methods that need
them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cvlib.journal.mistake_reading import MistakeReading
from cvlib.journal.mistake_sentences import MistakeSentences
from cvlib.journal.reviewed import Reviewed

if TYPE_CHECKING:
    from cvlib.journal.figure import ReportFigure
    from cvlib.journal.gallery_page import GalleryPage
    from cvlib.journal.quantity import Markdown
    from cvlib.journal.variant_results import VariantResults


def mistakes(*variants: VariantResults) -> Mistakes:
    """The mistakes of the first variant, joined by image with the answers of the others.

    Reads nothing yet. Variants that were skipped or have no results are left out and named below
    what is shown; without the first there is nothing to show: it is `skipped`, or MissingResults
    is raised.
    """
    return Mistakes(variants)


class Mistakes(MistakeSentences, Reviewed, MistakeReading):
    """What a chapter may ask of mistakes.

    width, height of a figure: a share of the text's width, and inches; None: what suits it.
    """

    def confusion(self, width: float = 1.0, height: float | None = None) -> ReportFigure:
        """Which class is taken for which, in percent of each true class; the worst pairs outlined.

        With more than 20 classes: the most confused pairs as bars.
        """
        from cvlib.journal.confusion_figure import confusion_figure
        from cvlib.journal.figure import of_size

        with of_size(width, height):
            return self._drawn(confusion_figure)

    def calibration(self, width: float = 1.0, height: float | None = None) -> ReportFigure:
        """Accuracy against confidence, and how many images have which confidence."""
        from cvlib.journal.calibration_figure import calibration_figure
        from cvlib.journal.figure import of_size

        with of_size(width, height):
            return self._drawn(calibration_figure)

    def gallery(
        self,
        groups: Sequence[str] | None = None,
        each: int = 8,
        width: float = 1.0,
        height: float | None = None,
    ) -> ReportFigure:
        """A row of pictures a group: at most `each`, none twice.

        groups: of pairs (the three most confused), pairs:N, confident, every model, only right,
        label errors, others, and a review's label-error, ambiguous, model-error; none: the first
        two pairs, confident, every model, label errors.
        """
        from cvlib.journal.figure import of_size
        from cvlib.journal.gallery_figure import GROUPS, gallery_figure

        with of_size(width, height):
            return self._drawn(gallery_figure, groups or GROUPS, each)

    def gallery_page(self, groups: Sequence[str] | None = None, limit: int = 120) -> GalleryPage:
        """The same for the web, with more pictures and every model's answer; nothing in the PDF.

        limit: pictures in all, shared out among the groups.
        """
        from cvlib.journal.gallery_page import GROUPS, GalleryPage

        return GalleryPage(self, groups or GROUPS, limit)

    def pairs(self, count: int = 5) -> Markdown:
        """The most confused pairs of classes: images, and their share of the true class."""
        from cvlib.journal.pairs_table import pairs_table

        return self._table(pairs_table, count)

    def classes(self) -> Markdown:
        """Precision, recall and F1 of each class, with their intervals."""
        from cvlib.journal.class_table import class_table

        return self._table(class_table)

    def slices(self, count: int = 6) -> Markdown:
        """Kinds of pictures on which the subject errs more than on the rest, worst first."""
        from cvlib.journal.slices_table import slices_table

        return self._table(slices_table, count)

    def __repr__(self) -> str:
        return f"<mistakes of {', '.join(variant.id for variant in self.variants)}>"
