"""What stands before a file's records and is none of them: a spreadsheet's hint, HTTP headers, a shell's prompt."""

import re

CSV_HINT = r"(?:sep=.[^\S\n]*\n|#TYPE [^\n]*\n)"
"Excel's line of the separator, and the type of objects that Export-Csv of Windows PowerShell writes."
HEADERS = r"(?:HTTP/\d[^\n]*\n(?:[\w-]+:[^\n]*\n)*\r?\n)"
"What curl -i prints of an answer; several where a proxy or a redirect answered first."
PROMPT = r"(?:PS [A-Za-z]:[^>\n]*>[^\n]*\n|[\w.-]+@[\w.-]+:[^\n$#]*[$#] [^\n]*\n|[$%] [^\n]*\n)"
MESSAGE = r"(?:(?:WARNING|VERBOSE|DEBUG): [^\n]*\n)"
"What PowerShell and the Azure CLI say before they answer."
PROGRESS = r"(?:[^\n{\[]*(?:% Total|Dload|--:--:--)[^\n{\[]*(?:\n|(?=[{\[])))"
"curl's table of progress."
ANYWAY = re.compile(rf"\s*(?:(?:{CSV_HINT}|{HEADERS})\s*)+")
BEFORE_JSON = re.compile(rf"\s*(?:(?:{PROMPT}|{MESSAGE}|{PROGRESS}|{HEADERS})\s*)+(?=[{{\[])")


def preamble_of(text: str) -> int:
    """Counts the bytes before the records of a file that begins with a text.

    >>> preamble_of("sep=;\\nId;Name"), preamble_of('PS C:\\\\> Get-It\\n{"a": 1}'), preamble_of('{"a": 1}')
    (6, 15, 0)
    """
    match = ANYWAY.match(text) or BEFORE_JSON.match(text)
    return len(match[0].encode("utf-8", "replace")) if match else 0
