"""Servers of network cameras: requests with a password, and why a server refuses them."""

from __future__ import annotations

import contextlib
import socket
from base64 import b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote, urlsplit, urlunsplit

from edge_runtime.errors import SourceError
from edge_runtime.live.sources import base

if TYPE_CHECKING:
    from urllib.request import BaseHandler, HTTPPasswordMgr

_PATIENCE = 0.8  # of the time in which a source must open: how long its server may take for each step
_RTSP_PORT = 554
_RTSP_TIMEOUT = 3.0  # s
_LONGEST_ANSWER = 4096  # bytes of an RTSP answer, whose first line has the status


def public_name(url: str) -> str:
    """An address without its user name, password and query, which may hold a key.

    Raises `SourceError` if the address is invalid.
    """
    scheme, _, rest = url.partition("://")
    try:
        address = urlsplit(url)
        _ = address.port  # with a / in the password, what comes before it would be the port
    except ValueError as error:
        raise SourceError(
            f"the address after {scheme}:// is invalid; write special characters of a user name or password "
            "as %2F for /, %3F for ?, %23 for #, %40 for @"
        ) from error
    if "@" in rest and "@" not in address.netloc:
        # A password with / ? or # in it ends the host too early, and would be shown as part of the path.
        return f"{address.scheme}://...@{rest.rpartition('@')[2].partition('?')[0]}"
    return urlunsplit((address.scheme, _host(address), address.path, "", ""))


def is_http(url: str) -> bool:
    """Whether an address is that of a web server."""
    return url.lower().startswith(("http://", "https://"))


def _host(address: SplitResult) -> str:
    return address.netloc.rpartition("@")[2]


class WebAddress:
    """An HTTP address that is requested again and again, with the user name and password in it."""

    def __init__(self, url: str) -> None:
        # These take longer to load than OpenCV takes to open a webcam.
        import ssl
        from urllib import request

        self._address = urlsplit(url)
        self._bare = urlunsplit(self._address._replace(netloc=_host(self._address), fragment=""))
        passwords = request.HTTPPasswordMgrWithDefaultRealm()
        if self._address.username is not None:
            user, password = unquote(self._address.username), unquote(self._address.password or "")
            passwords.add_password(None, f"{self._address.scheme}://{_host(self._address)}/", user, password)
        # As for streams, which FFmpeg reads: most cameras have certificates that nobody has signed.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._opener = request.build_opener(request.HTTPSHandler(context=context), _login(passwords))
        self._opener.addheaders = [("User-Agent", "edge-digits")]

    def request(self) -> Any:
        """Return the response, an `http.client.HTTPResponse`. Raises `SourceError` if it is an error."""
        from http.client import HTTPException
        from urllib.error import HTTPError

        try:
            # Before the source gives up, so that it can say why.
            return self._opener.open(self._bare, timeout=_PATIENCE * base.OPEN_TIMEOUT)
        except HTTPError as error:
            error.close()
            raise SourceError(f"cannot be opened: {_explain(error.code, self._address)}") from error
        except (OSError, HTTPException, ValueError) as error:
            reason = describe_failure(error)
            raise SourceError(
                f"cannot be opened{reason and f' ({reason})'}; is the address correct, and is the camera on?"
            ) from error

    def refusal(self) -> str:
        """Why the address cannot be opened; "" if it can be."""
        try:
            self.request().close()
        except SourceError as error:
            return str(error)
        return ""


def _login(passwords: HTTPPasswordMgr) -> BaseHandler:
    """A handler for urllib that sends a password when a server asks for it, but never twice.

    Python's own handlers try a wrong password up to six times, and cameras then lock the user out.
    """
    from urllib import request

    class Login(request.BaseHandler):
        def http_error_401(self, query: Any, response: Any, code: int, text: str, headers: Any) -> Any:
            user, password = passwords.find_user_password("", query.full_url)
            if user is None or query.has_header("Authorization"):
                return None
            asked = [each.partition(" ") for each in headers.get_all("WWW-Authenticate", ())]
            challenges = {scheme.lower(): fields for scheme, _, fields in asked}
            if "digest" in challenges:
                try:
                    fields = request.parse_keqv_list(request.parse_http_list(challenges["digest"]))
                    answer = request.AbstractDigestAuthHandler(passwords).get_authorization(query, fields)
                except ValueError:  # a hash function that Python's library does not offer here
                    return None
                query.add_unredirected_header("Authorization", f"Digest {answer}")
            elif "basic" in challenges:
                answer = b64encode(f"{user}:{password}".encode()).decode()
                query.add_unredirected_header("Authorization", f"Basic {answer}")
            else:
                return None
            response.close()
            return self.parent.open(query, timeout=query.timeout)

    return Login()


def describe_failure(error: Exception) -> str:
    """Why a connection failed; "" if it is not known. Other messages may contain the address's password."""
    inner = getattr(error, "reason", error)
    if isinstance(inner, TimeoutError):
        return "no answer"
    return (inner.strerror or "").lower() if isinstance(inner, OSError) else ""


def rtsp_refusal(url: str) -> str:
    """Why an RTSP server refuses an address; "" if it does not, or gives no reason."""
    address = urlsplit(url)
    if address.scheme != "rtsp" or not address.hostname:
        return ""
    bare = urlunsplit(address._replace(netloc=_host(address)))
    query = f"DESCRIBE {bare} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n"
    with contextlib.suppress(OSError, ValueError, IndexError):
        place = address.hostname, address.port or _RTSP_PORT
        with socket.create_connection(place, timeout=_RTSP_TIMEOUT) as connection:
            connection.sendall(query.encode())
            status = int(connection.recv(_LONGEST_ANSWER).split()[1])
        return _explain(status, address) if status >= 400 else ""
    return ""


def _explain(status: int, address: SplitResult) -> str:
    """What an HTTP or RTSP status of 400 or above means."""
    if status == 401 and address.username is None:
        example = f"{address.scheme}://USER:PASSWORD@{address.netloc}{address.path}"
        return f"the camera requires a login (401); give it in the address: {example}"
    meaning = {
        401: "the camera requires a login; check the user name and password in the address",
        403: "access is denied; check the login in the address, and what this user may see",
        404: "the server has nothing at this address",
    }.get(status, "the server reports an error")
    return f"{meaning} ({status})"
