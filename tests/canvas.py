"""Whether a figure holds its texts: none leaves the canvas, and none lies over another."""

from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox


def texts_of(figure: Figure) -> list[Text]:
    """List every text that is drawn: no label of a tick outside its axis."""
    hidden = set()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in axis.get_major_ticks():
                if not low <= tick.get_loc() <= high:
                    hidden |= {tick.label1, tick.label2}
    return [
        text for text in figure.findobj(Text)
        if text.get_visible() and text.get_text() and text not in hidden
    ]  # fmt: skip


def must_hold_its_texts(figure: Figure, may_overlap: bool = False) -> None:
    """Fail for the first text that is cut off, or unless ``may_overlap`` lies over another."""
    figure.draw_without_rendering()
    width, height = figure.bbox.size
    boxes = [(text, text.get_window_extent()) for text in texts_of(figure)]
    for number, (text, one) in enumerate(boxes):
        assert one.x0 >= 0, text
        assert one.y0 >= 0, text
        assert one.x1 <= width, text
        assert one.y1 <= height, text
        for other_text, other in () if may_overlap else boxes[:number]:
            overlap = Bbox.intersection(one, other)
            assert overlap is None or min(overlap.width, overlap.height) < 1, (text, other_text)
