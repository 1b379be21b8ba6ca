"""The README's picture from a finished demo: `python benchmarks/demo_picture.py runs/demo OUT.png`.

The same moment of the same held-out traffic, driven by each policy of the demo's clips.
"""

import json
import sys
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageSequence

FRAME = 30  # fifteen seconds into the clip
MARGIN, TITLE = 12, 26


def main(run: Path, out: Path) -> None:
    """Stack one frame of every clip, each under its title."""
    clips = json.loads((run / "clips" / "clips.json").read_text())
    frames = []
    for clip in clips:
        with Image.open(run / "clips" / clip["file"]) as gif:
            frames.append([frame.convert("RGB") for frame in ImageSequence.Iterator(gif)][FRAME])
    width, height = frames[0].size
    row = TITLE + height + MARGIN
    picture = Image.new("RGB", (width + 2 * MARGIN, row * len(frames) + MARGIN), "white")
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(16)
    for i, (clip, frame) in enumerate(zip(clips, frames, strict=True)):
        draw.text((MARGIN, i * row + 6), clip["title"], fill="black", font=font)
        picture.paste(frame, (MARGIN, i * row + TITLE + 4))
    picture.save(out, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
