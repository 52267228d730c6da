"""Mail where no server is set: printed on standard error, since standard output belongs to --json."""

import sys
from typing import Any

from django.core.mail.backends import console


class EmailBackend(console.EmailBackend):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "stream": sys.stderr})
