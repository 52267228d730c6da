"""One HTTP session for all connectors: time-outs, retries, rate, and secrets kept out of every text.

What an answer means is decided in one place, in the errors of `connectors.records`. A request is repeated
only if it may be: reads, writes declared `repeatable`, and whatever was refused before it was carried out.
"""

from __future__ import annotations

import json as jsonlib
import logging
import random
import time
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast
from urllib.parse import quote, quote_plus, urljoin, urlsplit

import orjson
import requests

from connectors import lastly
from connectors.answers import Answer, decode, meaning, readable
from connectors.deadline import answered_by
from connectors.download import Download
from connectors.peers import PeerCheckingAdapter, connect_failure, host_of, is_same_place
from connectors.rate import shared_bucket
from connectors.records import ConnectorError, NeedsAttention, Rejected, Temporary, Unknown, Values

READS = frozenset({"GET"})
FIRST_WAIT = 0.5
"""Seconds before the first retry; each further wait is twice as long, less up to half by chance."""
LONGEST_WAIT = 60.0
"""Seconds we wait inside one call; who asks for more gets the call back later, as Temporary(retry_after)."""
LONGEST_CALL = 90.0
"""Seconds that one call may take with its repetitions and the waits between them, its turn by rate apart.

A run's lease lasts 5 minutes, and what takes longest is three calls in a row: one whose session turns out to
have ended, the new sign-in, and the call again.
"""
CONNECT_TIMEOUT = 10.0
"""Seconds for each address of a host; a host may have several."""
REDIRECTS = 5

# Its lines hold whole addresses, with the keys and e-mail addresses that some systems want in them.
logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


class Http:
    """Calls to one system, for up to `concurrency` threads at once.

    base_url    includes every fixed path; paths of calls are appended to it
    label       the system's name in sentences for people
    secrets     texts that are cut out of every message, however they are encoded in an address
    explain     an answer of 400 and above → the error it means, or None for the usual reading
    max_bytes   how large an answer may be, unpacked; what is `download`ed may be larger
    decoder     the JSON of a body, where numbers must not become what is usual; raises ValueError
    """

    def __init__(
        self,
        base_url: str,
        *,
        label: str,
        timeout: float,
        requests_per_second: float,
        concurrency: int = 4,
        headers: Mapping[str, str] | None = None,
        secrets: Iterable[str] = (),
        explain: Callable[[Answer], ConnectorError | None] = lambda answer: None,
        retries: int = 4,
        max_bytes: int = 64_000_000,
        decoder: Callable[[bytes], Any] = decode,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url, self.label = base_url.rstrip("/"), label
        self.host = host_of(base_url)
        self._timeout, self._retries, self._max_bytes = timeout, retries, max_bytes
        self._explain, self._decode, self._sleep = explain, decoder, sleep
        self._secrets: tuple[str, ...] = ()
        self.keep_secret(*secrets)
        self._session = _session(concurrency, headers or {})
        self._bucket = shared_bucket(self.base_url, requests_per_second, time.monotonic, sleep)

    def __repr__(self) -> str:
        return f"<Http {self.host}>"

    def keep_secret(self, *secrets: str) -> None:
        """Cut these out of messages as well, from now on."""
        known = {form for secret in filter(None, secrets) for form in _written_forms(secret)}
        # The longest first: a secret may be a part of another.
        self._secrets = tuple(sorted({*self._secrets, *known}, key=len, reverse=True))

    def scrub(self, text: str) -> str:
        """The text with every secret replaced by “…”."""
        for secret in self._secrets:
            text = text.replace(secret, "…")
        return text

    def get(self, path: str, params: Mapping[str, str] | None = None, **options: Any) -> Answer:
        """`send` a GET."""
        return self.send("GET", path, params=params, **options)

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        form: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        repeatable: bool | None = None,
        may_be_empty: bool = False,
    ) -> Answer:
        """One call, repeated as often as it may be. Its answer is below 400 and holds the JSON promised.

        json: what is sent as JSON; bytes are JSON already.
        All of it takes no longer than LONGEST_CALL.

        Raises the errors of `connectors.records`. A write that isn't `repeatable` and whose answer was
        lost, or is a 5xx, is Unknown.
        """
        request = _Request(
            method,
            f"{self.base_url}/{path.lstrip('/')}",
            params,
            form
            if json is None
            else json
            if isinstance(json, bytes)
            else jsonlib.dumps(json, allow_nan=False).encode(),
            {**({} if json is None else {"Content-Type": "application/json"}), **(headers or {})},
            method in READS if repeatable is None else repeatable,
            may_be_empty,
        )
        return self._repeated(request)

    def download(self, path: str, params: Mapping[str, str] | None = None) -> Download:
        """A GET whose answer is read piece by piece, once its head came; the caller closes it.

        Until then it is repeated like `send`. However long all of it takes, it is not cut while it flows.
        """
        url = f"{self.base_url}/{path.lstrip('/')}"
        return cast(Download, self._repeated(_Request("GET", url, params, None, {}, True, False, True)).data)

    def close(self) -> None:
        """Give the connections back."""
        self._session.close()

    def _repeated(self, request: _Request) -> Answer:
        left, retry = LONGEST_CALL, 0
        while True:
            self._bucket.take()
            began = time.monotonic()
            try:
                return self._try(request, began + left)
            except Temporary as error:
                left -= time.monotonic() - began
                left -= self._wait(retry, error, left)
            retry += 1

    def _wait(self, retry: int, error: Temporary, left: float) -> float:
        """Wait before the next try; the seconds of it. Raises the error where no try is left, or no time."""
        jittered = FIRST_WAIT * 2**retry * random.uniform(0.5, 1)  # noqa: S311 - spreads load, guards nothing
        seconds = max(error.retry_after or 0, jittered)
        if retry >= self._retries or seconds > LONGEST_WAIT or seconds >= left:
            raise error
        self._sleep(seconds)
        return float(seconds)

    def _try(self, request: _Request, until: float) -> Answer:
        """One try. Errors of the HTTP library never leave here, not even as a cause: they show addresses."""
        error: ConnectorError
        try:
            with answered_by(until):
                answer = self._exchange(request)
        except (requests.RequestException, UnicodeError) as problem:
            error = self._failure(request, problem)
        except _BrokenPromiseError as problem:
            error = self._lost(request, str(problem))
        else:
            if answer.status < 400:
                return answer
            error = self._refusal(request, answer)
        raise error

    def _exchange(self, request: _Request) -> Answer:
        url, params = request.url, request.params
        for hop in range(REDIRECTS):
            if hop:
                self._bucket.take()
            if request.method not in READS:
                lastly.look()
            response = self._session.request(
                request.method,
                url,
                params=params,
                data=request.body,
                headers=request.headers,
                timeout=(min(CONNECT_TIMEOUT, self._timeout), self._timeout),
                allow_redirects=False,
                stream=True,
            )
            if request.is_download and response.status_code < 400 and not response.is_redirect:
                return Answer(response.status_code, response.headers, self._download(request, response))
            with response:
                if not response.is_redirect:
                    return self._answer(request, response)
                # The parameters are in the new address where they still matter.
                url, params = self._followed(request, response), None
        raise NeedsAttention(f"{self.label} sends us in circles at {self.host}. Check the address.")

    def _download(self, request: _Request, response: requests.Response) -> Download:
        def failed(how: Exception | str) -> ConnectorError:
            return self._lost(request, how) if isinstance(how, str) else self._failure(request, how)

        return Download(response, LONGEST_CALL, failed)

    def _followed(self, request: _Request, response: requests.Response) -> str:
        """Where a redirect leads, if it stays within the system: our key isn't for strangers."""
        try:
            target = urljoin(response.url, response.headers["Location"])
            if request.method in READS and is_same_place(response.url, target):
                return target
            where = urlsplit(target).hostname
        except ValueError:
            where = "an address that is none"
        raise NeedsAttention(
            f"{self.label} has moved: {self.host} sends us on to {where}. "
            "Check the address in the connection's settings."
        )

    def _answer(self, request: _Request, response: requests.Response) -> Answer:
        body, status = self._body(response), response.status_code
        if status >= 400:
            # Before it is cut to a length: half a secret would no longer be known for one.
            body = self.scrub(body.decode("utf-8", "replace")).encode()
        try:
            data = self._decode(body)
        except ValueError:
            if status < 400:
                raise _BrokenPromiseError("with something that isn't JSON, or only a part of it") from None
            return Answer(status, response.headers, text=readable(body))
        # Gateways answer 200 with nothing when what is behind them dies.
        if data is None and status < 400 and status != 204 and not request.may_be_empty:
            raise _BrokenPromiseError("with nothing")
        return Answer(status, response.headers, data)

    def _body(self, response: requests.Response) -> bytes:
        body = bytearray()
        for chunk in response.iter_content(65536):
            body += chunk
            if len(body) > self._max_bytes:
                raise _BrokenPromiseError(f"with more than {self._max_bytes // 1_000_000} MB at once")
        return bytes(body)

    def _failure(self, request: _Request, problem: Exception) -> ConnectorError:
        """No answer, or half of one."""
        if isinstance(problem, ValueError):
            return NeedsAttention(
                f"The address or key of {self.label} holds characters that can't be sent. Enter them again."
            )
        if not_sent := connect_failure(problem, self.host, self.label):
            return not_sent
        is_slow = isinstance(problem, requests.Timeout)
        return self._lost(request, "too late" if is_slow else "with only a part, or not at all")

    def _lost(self, request: _Request, how: str) -> ConnectorError:
        if request.repeatable:
            return Temporary(f"{self.label} answered {how}. Try again later.")
        return Unknown(f"{self.label} answered {how}; whether it did what was asked is not known.")

    def _refusal(self, request: _Request, answer: Answer) -> ConnectorError:
        explained = self._explain(answer)
        # What is refused below 500 was not carried out; 408 says that it gave up on us, perhaps half way.
        is_untouched = answer.status < 500 and answer.status != 408
        if not request.repeatable and not is_untouched:
            return self._lost(request, f"with an error of its own ({answer.status})")
        return self._scrubbed(explained or meaning(answer, self.label))

    def _scrubbed(self, error: ConnectorError) -> ConnectorError:
        error.message = self.scrub(error.message)
        error.args = (error.message,)
        if isinstance(error, Rejected):
            error.fields = {name: self.scrub(words) for name, words in error.fields.items()}
        return error


def refuse_unsayable(values: Values) -> None:
    """Raise Rejected with the fields whose values no JSON can carry, such as half a character."""
    fields = {name: "It holds a broken character." for name in values if not _is_sayable(values[name])}
    if fields:
        raise Rejected(f"Not sent: there is a broken character in {', '.join(fields)}.", fields)


@dataclass(frozen=True, slots=True)
class _Request:
    method: str
    url: str = field(repr=False)
    params: Mapping[str, str] | None = field(repr=False)
    body: Any = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    repeatable: bool
    may_be_empty: bool
    is_download: bool = False


class _BrokenPromiseError(Exception):
    """An answer came that can't be what the system meant to say. The text goes on after “… answered ”."""


def _is_sayable(value: Any) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _written_forms(secret: str) -> set[str]:
    """A secret as it may turn up in addresses, bodies and headers."""
    # A system that refuses a request likes to show it: the address, the body, or the header of a log-in.
    in_json = jsonlib.dumps(secret)[1:-1]
    in_base64 = b64encode(secret.encode()).decode()
    return {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), in_json, in_base64}


def _encoded(data: Any) -> bytes:
    return data if isinstance(data, bytes) else jsonlib.dumps(data, allow_nan=False).encode()


class _Session(requests.Session):
    def get_redirect_target(self, resp: requests.Response) -> str | None:
        # Even when told not to follow, it works out where a redirect leads, and reads all of its body for it.
        return None


def _session(concurrency: int, headers: Mapping[str, str]) -> requests.Session:
    session = _Session()
    # The environment must not change proxies, certificates or log-ins of a connection.
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.update({"User-Agent": "AlumniSync", "Accept": "application/json", **headers})
    for scheme in ("http://", "https://"):
        session.mount(scheme, PeerCheckingAdapter(pool_maxsize=concurrency, pool_block=True))
    return session
