"""A Connector that calls us, over plain HTTP, as the guide for receivers asks: nothing of ours is imported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests


@dataclass
class Hub:
    """One club's Connector. address: of the services, up to and with the club."""

    address: str
    token: str

    def call(self, method: str, path: str, body: Any = None, *, content: bytes | None = None) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}", "Connection": "close"}
        with requests.Session() as session:
            session.trust_env = False
            return session.request(
                method, f"{self.address}/{path}", json=body, data=content, headers=headers, timeout=10
            )

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        answer = self.call(method, path, body)
        assert answer.status_code in (200, 201), answer.text
        said: dict[str, Any] = answer.json()
        return said

    def refused(self, method: str, path: str, body: Any = None, **given: Any) -> tuple[int, dict[str, str]]:
        """Status, and field → message."""
        answer = self.call(method, path, body, **given)
        assert answer.headers["Content-Type"].startswith("application/json"), answer.text
        errors = answer.json()["errors"]
        assert all(sorted(error) == ["field", "message"] for error in errors)
        return answer.status_code, {error["field"]: error["message"] for error in errors}
