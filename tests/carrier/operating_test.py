#!/usr/bin/env python3
"""The messages that OPERATING.md explains are those of the source."""
import pathlib
import re
import unittest

PLUGIN = pathlib.Path(__file__).resolve().parents[2] / "carrier_plugin"


def literals():
    """The string literals of the source; those that the compiler joins are joined."""
    text = "".join(path.read_text() for path in sorted((PLUGIN / "src").rglob("*.[ch]*")))
    return re.findall(r'"((?:[^"\\\n]|\\.)*)"', re.sub(r'"\s*\n\s*"', "", text))


def pieces(message):
    """What is left of a message without its placeholders (words in capitals, N, the dots), and divided before its reason."""
    return [piece.strip(" .():;,") for piece in re.split(r"\.\.\.|\b[A-Z]{3,}\b|\bN\b|(?<=is not sent: )", message)]


# Of other places: an error of the system, and the name of link's marker, which the source inserts.
KNOWN = {"No space left on device", "has no .paxect-place"}


class Operating(unittest.TestCase):
    def test_every_message_is_one_of_the_source(self):
        page = (PLUGIN / "OPERATING.md").read_text()
        table = page[page.index("## Messages"):]
        messages = [message for cell in re.findall(r"^\| (`.*?`(?:, `.*?`)*) \|", table, re.MULTILINE) for message in re.findall(r"`(.*?)`", cell)]
        self.assertGreater(len(messages), 15)
        source = "\n".join(literals())
        unknown = [(message, piece) for message in messages for piece in pieces(message)
                   if piece not in source and piece not in KNOWN]
        self.assertEqual(unknown, [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
