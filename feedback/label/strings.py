"""What the page says, in the languages it speaks."""

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from prefgym.feedback.label.strings_en import EN
from prefgym.feedback.label.strings_zh import ZH

_PLACEHOLDER = re.compile(r"\{(\w+)\}")

LANGUAGES: Mapping[str, Mapping[str, str]] = MappingProxyType({"en": EN, "zh": ZH})


def translator(language: str) -> Callable[..., str]:
    """Returns `t` of the templates: key -> string, keyword arguments fill its {placeholders}.

    Placeholders that are not filled stay as they are: scripts fill them later. A language that
    the page does not speak is answered in English.

    >>> translator("en")("better", name="A")
    'A is better'

    Raises:
        KeyError: by `t`, if there is no such key.
    """
    strings = LANGUAGES.get(language, EN)

    def t(key: str, **values: object) -> str:
        return _PLACEHOLDER.sub(lambda found: str(values.get(found[1], found[0])), strings[key])

    return t
