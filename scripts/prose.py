"""Look for sentences that a reader has to decode, in docstrings, comments and messages of Python files and in Markdown pages.

``python -m scripts.prose`` prints a line for each finding, with the file, the line and what to write instead, and exits with status 1 if
there is any. The patterns are the worst habits only; a clean run does not make a text good.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PLACES = ("src", "tests", "bench", "scripts", "docs", "README.md", "CONTRIBUTING.md")


@dataclass(frozen=True, slots=True)
class Rule:
    """A habit to avoid.

    Attributes:
        pattern: What it looks like; matched against text whose lines were joined.
        advice: What to write instead.
    """

    pattern: re.Pattern[str]
    advice: str


def _rule(pattern: str, advice: str) -> Rule:
    return Rule(re.compile(pattern), advice)


_VERB = r"(?:is|was|are|were|has|have|had|comes?|came|goes|went|may|might|can|could|must|lies|stands|does|did|makes?|takes?|needs?)\b"
_CLAUSE = r"(?:is|are|was|were|has|have|had|can|could|may|must|do|does|did|need|would|will|speak|look|come|know)\w*\b"
RULES = (
    _rule(rf"(?:^|[.;:] )(?:What|Who|Whoever|Whatever) (?:[a-z]+ )?{_VERB}(?![^.?]{{0,160}}\?)", "name the subject instead of What or Who"),
    _rule(r"(?:^|[.;:] )Where (?:it|they|there|nobody|none|one) [^.,?]{3,60},", "write 'if' or 'when' instead of Where"),
    _rule(rf"[,;] for (?:it|they|its|their|there|this|that|these|those|otherwise)\b(?= (?:\w+ )?{_CLAUSE})", "write 'because', not 'for'"),
    _rule(r"\bbe it\b", "write 'whether' or leave it out"),
    _rule(r"\b(?:[Nn]obody|[Ee]verybody)(?:'s)?\b", "name the person or part that is meant"),
    _rule(r"\bin vain\b", "write 'without effect' or 'tried and rejected'"),
    _rule(r"\b(?:[Tt]hat|[Tt]his) is to say\b", "say it once"),
    _rule(r"\bof (?:its|their|his|her) own accord\b|\bas (?:it|they) likes?\b", "say what happens"),
    _rule(r"\b(?:whereof|thereof|therein|thereby|wherein|thereupon|hitherto)\b", "use a plain word"),
)


def python_texts(source: str) -> Iterator[tuple[int, str]]:
    """Comments and strings of a Python file as (line, text); comments on following lines are joined."""
    block: list[str] = []
    start = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        line = token.start[0]
        if token.type == tokenize.COMMENT:
            if block and line == last + 1:
                block.append(token.string.lstrip("# "))
            else:
                if block:
                    yield start, " ".join(block)
                block, start = [token.string.lstrip("#: ")], line
            last = line
        elif token.type == tokenize.STRING or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            text = token.string.strip("rbfuRBFU\"'")
            for offset, paragraph in _paragraphs(text.split("\n")):
                # A word alone is a name, not prose.
                if " " in paragraph:
                    yield line + offset, paragraph
    if block:
        yield start, " ".join(block)


def _paragraphs(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Joined paragraphs with the index of their first line; list items stand alone."""
    block: list[str] = []
    start = 0
    for number, line in enumerate(lines):
        text = line.strip()
        if not text or re.match(r"([-*|#>]|\d+\.|```|\w+: )", text):
            if block:
                yield start, " ".join(block)
            block, start = [], number
        if text:
            if not block:
                start = number
            block.append(re.sub(r"^([-*>#|]+|\d+\.) *", "", text))
    if block:
        yield start, " ".join(block)


def findings(path: Path) -> Iterator[str]:
    """A line for every finding in a file."""
    source = path.read_text(encoding="utf-8")
    texts = python_texts(source) if path.suffix == ".py" else ((n + 1, t) for n, t in _paragraphs(source.split("\n")))
    for line, text in texts:
        for rule in RULES:
            for match in rule.pattern.finditer(text):
                yield f"{path.relative_to(ROOT)}:{line}: {match.group().strip()!r}: {rule.advice}"


def files(places: list[str]) -> Iterator[Path]:
    """The files to look at, in a fixed order; this one, which quotes the habits, is left out."""
    for place in places:
        path = ROOT / place
        found = [path] if path.is_file() else sorted([*path.rglob("*.py"), *path.rglob("*.md")])
        yield from (file for file in found if file != Path(__file__).resolve())


def main() -> int:
    """Print the findings; the number of the exit status says whether there were any."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("places", nargs="*", default=list(PLACES), help="files or folders, relative to the repository")
    count = 0
    for file in files(parser.parse_args().places):
        for line in findings(file):
            print(line)
            count += 1
    print(f"{count} sentences to mend" if count else "No bad habits found.")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
