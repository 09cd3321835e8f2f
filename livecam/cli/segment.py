"""`livecam segment`: select objects in images with Segment Anything."""

import argparse
from pathlib import Path

from livecam.cli.options import add_quiet_option
from livecam.cli.parser import ArgumentParser, namespace_to_kwargs
from livecam.cli.progress import ProgressReporter
from livecam.cli.prompt_options import add_point_options, add_preset_option, add_text_options
from livecam.cli.signals import handle_termination

DESCRIPTION = """\
Selects objects in images with Segment Anything (SAM). A point or a box selects an object; SAM returns four
candidates, each with a predicted score. For each image, FOLDER gets overlays (NAME.thing1.rank1.png), all
overlays on one sheet (NAME.sheet.png), and the best candidate as a matte (NAME.matte.png) and as a trimap
(NAME.trimap.png: 1 = keep, 2 = background, 3 = contour). Coordinates are pixels of the upright image, x to
the right and y down.

MobileSAM comes with livecam and needs no network. A larger SAM (--preset) is downloaded on its first use
(base: 0.4 GB) to ~/.cache/kagglehub, or to KAGGLEHUB_CACHE.
"""


class SegmentCommand:
    """Segment images with the same prompts."""

    name = "segment"
    help = "select objects in images with Segment Anything"
    description = DESCRIPTION
    epilog = """\
examples:
  livecam segment room.jpg --point 820,410 --out chair          the object at a point
  livecam segment room.jpg --box 640,300,1010,700 --drop 900,350 --out chair
  livecam segment room.jpg --point 820,410 --all --out chair    all four candidates
  livecam segment room.jpg --text person --out me               all people
"""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add images, prompts and output."""
        parser.add_argument(
            "images", type=Path, nargs="+", metavar="IMAGE", help="JPEG, PNG, WebP and others"
        )
        prompts = parser.add_argument_group("prompts")
        add_point_options(
            prompts,
            "--point",
            keep="a point on the object; repeatable",
            drop="a point that is not on the object; repeatable",
            box="a box around the object; several boxes select several objects",
        )
        prompts.add_argument(
            "--rough",
            dest="mask",
            type=Path,
            metavar="FILE",
            help="a rough matte of the image's size, white = keep",
        )
        add_text_options(
            prompts,
            "--text",
            "texts",
            "what to keep, in words, such as 'office chair': all that SAM 3 finds, each with its score; "
            "person needs no SAM 3; repeatable",
        )
        add_preset_option(parser)
        parser.add_argument(
            "--all",
            dest="all_candidates",
            action="store_true",
            help="write overlays of all four candidates, not only of the best",
        )
        parser.add_argument(
            "--out", type=Path, required=True, metavar="FOLDER", help="the folder for the results"
        )
        parser.add_argument("--overwrite", action="store_true", help="replace results of an earlier run")
        add_quiet_option(parser)

    @handle_termination()
    def run(self, args: argparse.Namespace) -> int:
        """Segment the images, and print the score of each."""
        from livecam.annotation.segment import SegmentSettings, segment

        settings = SegmentSettings(**namespace_to_kwargs(args))
        count = len(settings.images)
        with ProgressReporter(getattr(args, "quiet", False) or count == 1) as reporter:
            results = segment(settings, progress=lambda done: reporter("segment", done, count))
        for result in results:
            best = ", ".join(f"{candidates[0].iou_score:.3f}" for candidates in result.objects)
            print(f"{result.image}: {result.matte.mean():.1%} kept, score {best}; see {result.files[-3]}")
        return 0
