"""What the doctor finds, and the README's table of it."""

from dataclasses import dataclass

from livecam.doctor.messages import MESSAGES, Level


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at: its name (for scripts), how it is, what was seen, what mends it."""

    name: str
    level: Level
    observation: str
    remedy: str = ""

    def __str__(self) -> str:
        told = f"{self.level.value:8} {self.observation}"
        return f"{told}\n{'':8} mend it: {self.remedy}" if self.remedy else told

    def to_dict(self) -> dict[str, str]:
        """For JSON."""
        return {"name": self.name, "level": self.level.value, "seen": self.observation, "remedy": self.remedy}


def make_finding(name: str, **said: object) -> Finding:
    """The finding of a state, its texts filled with what was seen."""
    text = MESSAGES[name]
    return Finding(name, text.level, text.observation.format(**said), text.remedy.format(**said))


# What stands in the README for what is only known on a machine.
EXAMPLES: dict[str, object] = {
    "best": 5,
    "camera": "C920",
    "cameras": "/dev/video0 (Integrated Camera)",
    "device": "/dev/video10",
    "devices": "/dev/video10 (livecam)",
    "fps": 30,
    "granted": "640x480",
    "group": "video",
    "headers": "sudo apt install linux-headers-$(uname -r)",
    "holders": "zoom (pid 4711)",
    "install": "sudo apt install v4l2loopback-dkms linux-headers-$(uname -r)",
    "kernel": "6.1.0-28-amd64",
    "key": "/var/lib/dkms/mok.pub",
    "mend": "pip install --force-reinstall .",
    "model": "person",
    "ms": 60,
    "oldest": "0.12",
    "other": "livecam",
    "path": "/dev/video0",
    "period": 33,
    "pixels": ", as YUYV",
    "place": "System Settings > Privacy & Security > Camera",
    "promised": 30,
    "python": "python3",
    "rate": 16,
    "size": "1280x720",
    "smaller": "--size 640x480",
    "system": "macOS",
    "upgrade": "sudo apt install --only-upgrade v4l2loopback-dkms",
    "version": "0.11.0",
    "why": "…",
}
_SPECIAL: dict[str, dict[str, object]] = {
    "camera-dark": {"fps": 15},
    "camera-slow": {"other": "640x480"},
    "camera-unknown": {"other": "0"},
    "module-without-events": {"version": "0.12.7"},
    "opencv-broken": {"why": "libGL.so.1 is missing", "install": "sudo apt install libgl1 libglib2.0-0"},
    "virtual-forbidden": {"path": "/dev/video10"},
    "virtual-real": {"device": "/dev/video0"},
    "virtual-unknown": {"device": "studio"},
    "weights-damaged": {"why": "wrong checksum"},
    "weights-missing": {"why": "No such file or directory"},
}
_BY_HAND = ("close ", "unplug ", "allow ", "plug ")


def troubleshooting_table() -> str:
    """The README's table of everything that isn't fine, as Markdown."""
    lines = ["| what you see | what `livecam doctor` says | what mends it |", "|---|---|---|"]
    for name, text in MESSAGES.items():
        if text.symptom:
            found = make_finding(name, **EXAMPLES | _SPECIAL.get(name, {}))
            lines.append(
                f"| {text.symptom} | {found.level.value}: {_cell(found.observation)} "
                f"| {_code(found.remedy)} |"
            )
    return "\n".join(lines)


def _code(remedy: str) -> str:
    """The command as code, what is to be done by hand as words."""
    command, bracket, rest = remedy.partition(" (")
    if command.startswith(_BY_HAND):
        return _cell(remedy)
    return f"`{command}`" + (f" ({_cell(rest)}" if bracket else "")


def _cell(words: str) -> str:
    return words.replace("|", "\\|")
