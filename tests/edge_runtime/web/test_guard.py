"""Who may send requests: token, host, origin and rate; and the security headers."""

from __future__ import annotations

import pytest

from edge_runtime import SourceError
from edge_runtime.web import limits
from edge_runtime.web.guard import TOKEN_VARIABLE, Guard
from edge_runtime.web.rate_limit import RateLimit
from edge_runtime.web.server import Server
from tests.edge_runtime.web.client import exchange, metric, request, wait_until

TOKEN = "a-token-of-a-device"


@pytest.fixture(scope="module")
def locked(loaded_readers):
    """A server that requires a token."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(TOKEN_VARIABLE, TOKEN)
        served = Server(loaded_readers, "0.0.0.0:0", live=False)
    with served:
        served.start()
        yield served


# Host, origin and rate ------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("headers", "message"),
    [
        pytest.param({"Origin": "http://evil.example"}, "origin", id="another origin"),
        pytest.param({"Origin": "null"}, "origin", id="an opaque origin"),
        pytest.param({"Origin": "http://["}, "origin", id="a malformed origin"),
        pytest.param({"Sec_Fetch_Site": "cross-site"}, "origin", id="cross-site"),
        pytest.param({"Sec_Fetch_Site": "same-site"}, "origin", id="another host of the same site"),
        pytest.param({"Host": "evil.example"}, "localhost", id="another host"),
        pytest.param({"Host": "127.0.0.1.evil.example:80"}, "localhost", id="a host like ours"),
        pytest.param({"Origin": ""}, "origin", id="an empty origin"),
        pytest.param({"Host": "localhost:1", "Origin": "evil://localhost:1"}, "origin", id="another scheme"),
        pytest.param({"Host": "localhost:1", "Origin": "http://localhost:2"}, "origin", id="another port"),
        pytest.param({"Host": "localhost:1", "Origin": "http://x@localhost:1"}, "origin", id="with a user"),
        pytest.param({"Host": "localhost:1", "Origin": "http://localhost:1/"}, "origin", id="with a path"),
        *[
            pytest.param({"Host": host}, "localhost", id=f"host {host!r}")
            for host in (
                *("localhost#.evil.example", "localhost/.evil.example", "localhost?.evil.example"),
                *("localhost\\.evil.example", "localhost;.evil.example", "localhost,evil.example"),
                *("localhost@evil.example", "evil.example@localhost", "user:x@localhost", "localhost:1@evil"),
                *("localhost evil.example", "localhost\t.evil.example", "localhost%2eevil.example"),
                *("localhost.evil.example", "evil-localhost", "xn--localhost", "localhost.", "l\xf6calhost"),
                *("localhost:", "localhost:x", "localhost:-1", "localhost:65536", "localhost:1:2", ":80", ""),
                *(
                    "[",
                    "[]",
                    "[::1",
                    "::1",
                    "[::1]x",
                    "[::1]evil.example",
                    "[::1%25lo]",
                    "[::2]",
                    "[localhost]",
                ),
                *("[127.0.0.1]", "127.1", "0x7f.0.0.1", "2130706433", "127.0.0.1.", "127.0.0.1.nip.io"),
                *("128.0.0.1", "0.0.0.0", "127.0.0.256", "http://localhost"),
            )
        ],
    ],
)
def test_other_origins_and_hosts_are_rejected(still, headers, message):
    response = request(still, "/read", "POST", b"x", **headers)
    assert response.status == 403 and message in response.error


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param({"Host": "localhost:1"}, id="localhost"),
        pytest.param({"Host": "LocalHost:65535"}, id="upper case"),
        pytest.param({"Host": "127.3.2.1"}, id="another loopback address"),
        pytest.param({"Host": "[::1]"}, id="IPv6"),
        pytest.param({"Host": "[::1]:80"}, id="IPv6 with a port"),
        pytest.param({"Host": "LOCALHOST:1", "Origin": "http://localhost:1"}, id="own origin, upper case"),
        pytest.param({"Host": "localhost:1", "Origin": "https://localhost:1"}, id="own origin, encrypted"),
        pytest.param({"Host": "localhost:1", "Origin": "http://localhost:1"}, id="own origin"),
        pytest.param({"Sec_Fetch_Site": "cross-site", "Sec_Fetch_Mode": "navigate"}, id="a followed link"),
    ],
)
def test_own_origin_and_links_are_accepted(still, headers):
    assert request(still, "/health", **headers).status == 200


@pytest.mark.parametrize(
    ("head", "status"),
    [
        pytest.param("GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400, id="two hosts"),
        pytest.param("GET /health HTTP/1.1\r\nX: y", 400, id="no host"),
        pytest.param("GET /health HTTP/1.0\r\nX: y", 403, id="no host in HTTP/1.0"),
        pytest.param("GET http://localhost/health HTTP/1.1\r\nHost: evil.example", 403, id="right target"),
        pytest.param("GET http://evil.example/health HTTP/1.1\r\nHost: localhost", 404, id="absolute target"),
        pytest.param("GET //evil.example/health HTTP/1.1\r\nHost: localhost", 404, id="target with a host"),
        pytest.param(
            "GET /health HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nOrigin: http://localhost",
            403,
            id="two origins",
        ),
        pytest.param(
            "GET /health HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\nSec-Fetch-Site: none",
            403,
            id="two sites",
        ),
    ],
)
def test_ambiguous_requests_are_rejected(still, head, status):
    received = exchange(still, f"{head}\r\nConnection: close\r\n\r\n".encode())
    assert received.startswith(b"HTTP/1.1 %d " % status)


def test_the_rate_is_that_of_an_ipv6_network(still):
    scope = {"type": "http", "method": "GET", "path": "/health", "query_string": b""}
    scope["headers"] = [(b"host", b"localhost")]
    guard = Guard(80, "", loopback=True, pages={}, count_rejected=lambda reason: None)
    for number in range(3):
        assert guard._check({**scope, "client": (f"2001:db8::{number}", 1)}) is None
    assert len(guard._rate_limit) == 1


def test_clients_that_send_too_many_requests_must_wait(fresh, monkeypatch):
    monkeypatch.setattr(limits, "MAX_BURST", 3.0)
    monkeypatch.setattr(limits, "REQUESTS_PER_SECOND", 0.001)
    responses = [request(fresh, "/health") for _ in range(5)]
    assert [response.status for response in responses] == [200, 200, 200, 429, 429]
    assert int(responses[-1].headers["retry-after"]) > 100


def test_the_rate_limit_remembers_a_limited_number_of_clients(monkeypatch):
    monkeypatch.setattr(limits, "MAX_TRACKED_CLIENTS", 3)
    rate_limit = RateLimit()
    for number in range(100):
        assert rate_limit.take(f"10.0.0.{number}") == 0
    assert len(rate_limit) == 3


# Responses ------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", ["/", "/app.js", "/nothing", "/openapi.json"])
def test_every_response_has_the_security_headers(still, path):
    headers = request(still, path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert "server" not in headers


def test_internal_errors_are_logged_and_answered_without_details(still, monkeypatch, caplog):
    monkeypatch.setattr(still.intake, "read", lambda data, **options: data.missing)
    response = request(still, "/read", "POST", b"x")
    assert response.status == 500 and "internal error" in response.error and b"missing" not in response.body
    assert response.headers["x-content-type-options"] == "nosniff"
    wait_until(lambda: "missing" in caplog.text)
    assert request(still, "/health").status == 200


# The token ------------------------------------------------------------------------------------------------
def test_other_addresses_get_a_random_token(readers, monkeypatch):
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with Server(readers, "0.0.0.0:0", live=False) as one, Server(readers, ":0", live=False) as other:
        assert len(one.token) > 20 and one.token != other.token
        assert one.url.endswith(f":{one.port}/?token={one.token}")


@pytest.mark.parametrize("address", ["127.0.0.1:0", "0.0.0.0:0"])
def test_the_url_does_not_contain_the_token_of_the_operator(readers, monkeypatch, address):
    monkeypatch.setenv(TOKEN_VARIABLE, TOKEN)
    with Server(readers, address, live=False) as served:
        assert served.token == TOKEN and served.url.endswith(f":{served.port}/")


def test_loopback_addresses_need_no_token(still):
    assert still.token == "" and still.url == f"http://127.0.0.1:{still.port}/"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 401, id="none"),
        pytest.param({"Authorization": f"Bearer {TOKEN}"}, 200, id="right"),
        pytest.param({"Authorization": f"bearer  {TOKEN} "}, 200, id="right, with spaces and lower case"),
        pytest.param({"Authorization": f"Bearer {TOKEN}x"}, 401, id="longer"),
        pytest.param({"Authorization": "Bearer "}, 401, id="empty"),
        pytest.param({"Authorization": f"Basic {TOKEN}"}, 401, id="another scheme"),
        pytest.param({"Cookie": f"edge-digits={TOKEN}"}, 401, id="a cookie of another name"),
        pytest.param({"Authorization": "Bearer \xff\xfe"}, 401, id="not ASCII"),
    ],
)
def test_the_token_is_checked(locked, headers, status):
    response = request(locked, "/metrics", **headers)
    assert response.status == status
    if status == 401:
        assert "EDGE_DIGITS_TOKEN" in response.error and response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("path", ["/read", "/model", "/nothing", "/live.mjpg"])
def test_nothing_else_is_answered_without_the_token(locked, path):
    assert request(locked, path, "POST", b"x").status == 401


@pytest.mark.parametrize("path", ["/style.css", "/icon.svg"])
def test_the_token_form_is_styled(locked, path):
    assert request(locked, path).status == 200


def test_health_without_the_token_has_no_details(locked):
    assert request(locked, "/health").json == {"ok": True}
    assert request(locked, "/health", Authorization=f"Bearer {TOKEN}").json["model"] == "int8"


def test_the_url_with_the_token_sets_a_cookie_and_reloads_without_it(locked):
    response = request(locked, f"/?token={TOKEN}")
    cookie = response.headers["set-cookie"]
    assert response.status == 200 and response.headers["refresh"] == "0;url=/"
    assert "HttpOnly" in cookie and "samesite=strict" in cookie.lower() and TOKEN not in cookie
    page = request(locked, "/", Cookie=cookie.split(";")[0])
    assert page.status == 200 and b"app.js" in page.body


@pytest.mark.parametrize("path", ["/", "/?token=wrong", "/docs"])
def test_pages_without_the_token_show_a_form(locked, path):
    response = request(locked, path)
    assert response.status == 401 and "set-cookie" not in response.headers
    assert b"<form" in response.body and b"app.js" not in response.body
    assert (b"Wrong token" in response.body) == ("wrong" in path)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("passwort-mit-\u00e4", id="not ASCII"),
        pytest.param("one line\nand another", id="two lines"),
        pytest.param(" " * 20 + "short", id="padded with spaces"),
        pytest.param("1234", id="short"),
    ],
)
def test_invalid_tokens_are_rejected(readers, monkeypatch, token):
    monkeypatch.setenv(TOKEN_VARIABLE, token)
    with pytest.raises(SourceError, match="EDGE_DIGITS_TOKEN must be at least 12 printable ASCII"):
        Server(readers, "127.0.0.1:0", live=False)


def test_with_a_token_a_loopback_server_answers_to_any_name(readers, monkeypatch, page):
    """A proxy in front of it may use any host name."""
    monkeypatch.setenv(TOKEN_VARIABLE, f" {TOKEN}\n")
    with Server(readers, "127.0.0.1:0", live=False) as served:
        served.start()
        headers = {"Host": "pi.example", "Origin": "https://pi.example"}
        assert request(served, "/read", "POST", page, **headers).status == 401
        headers["Authorization"] = f"Bearer {TOKEN}"
        assert request(served, "/read", "POST", page, **headers).status == 200


@pytest.mark.parametrize("host", ["[", "pi.example/x", "pi.example:x", "a@b", "pi.example evil"])
def test_with_a_token_hosts_must_still_be_valid(locked, host):
    response = request(locked, "/nothing", Host=host, Authorization=f"Bearer {TOKEN}")
    assert response.status == 400 and "Host header" in response.error


def test_rejections_are_counted_by_reason(still):
    before = metric(still, 'rejected_requests_total{reason="origin"}')
    request(still, "/read", "POST", b"x", Origin="null")
    assert metric(still, 'rejected_requests_total{reason="origin"}') == before + 1
