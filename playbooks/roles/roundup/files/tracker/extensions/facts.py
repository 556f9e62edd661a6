"""What the pages show of the administration, in both languages, the one that comes first in front."""

import json
import re
from html import escape
from pathlib import Path
from typing import Any

import roundup

DIRECTIONS = {"ar": "rtl", "fr": "ltr"}
# What the engine says by itself, in the languages that it knows.
PREFIXES = re.compile(r"^(Error|Erreur)\s*: ")
REFUSED_LOGINS = {"Invalid login", "Tentative de connexion non valide"}
LOGIN_REFUSED = ("اسم المستعمل أو كلمة المرور غير صحيحة", "Identifiant ou mot de passe incorrect")
ROLES = {
    "Admin": ("مسير", "Administrateur"),
    "User": ("عون", "Agent"),
    "Reader": ("مطلع", "Lecteur"),
}


class Languages:
    """Texts in both languages, in the order that the settings want."""

    def __init__(self, first: str) -> None:
        self.first = first

    def _in_order(self, ar: str, fr: str) -> list[tuple[str, str]]:
        return sorted({"ar": ar, "fr": fr}.items(), key=lambda text: text[0] != self.first)

    def both(self, ar: str, fr: str) -> str:
        """As markup."""
        spans = [
            f'<span lang="{language}" dir="{DIRECTIONS[language]}">{escape(text)}</span>'
            for language, text in self._in_order(ar, fr)
        ]
        return '<span class="between"> · </span>'.join(spans)

    def plain(self, ar: str, fr: str) -> str:
        """As text, for where no markup can stand."""
        return " · ".join(text for _, text in self._in_order(ar, fr))

    def label(self, item: Any) -> str:
        """What an item of a list of choices is called, as text; nothing for no item."""
        return self.plain(item.label_ar.plain(), item.label_fr.plain()) if item else ""

    def short(self, item: Any) -> str:
        """The same in the first language alone, for where there is little room."""
        return str(item[f"label_{self.first}"].plain()) if item else ""

    def roles(self, known: Any) -> list[tuple[str, str]]:
        """Those of the roles of this tracker that a person can have, and what they are called."""
        return [(role, self.plain(*words)) for role, words in ROLES.items() if role.lower() in known]

    def reason(self, message: str) -> str:
        """Why something was refused, as markup; the message comes escaped."""
        return self.both(*LOGIN_REFUSED) if message in REFUSED_LOGINS else PREFIXES.sub("", message)


def init(tracker: Any) -> None:
    facts = json.loads(Path(tracker.config.HOME, "facts.json").read_text(encoding="utf-8"))
    parameters = facts["parameters"]
    languages = Languages(parameters["main_language"])
    tracker.registerUtil("administration", lambda language: facts["administration"][language])
    tracker.registerUtil("parameter", lambda name: parameters[name])
    tracker.registerUtil("direction", lambda: DIRECTIONS[languages.first])
    tracker.registerUtil("generator", lambda: f"Roundup {roundup.__version__}")
    for name in ("both", "plain", "label", "short", "roles", "reason"):
        tracker.registerUtil(name, getattr(languages, name))
