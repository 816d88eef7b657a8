"""The attack table of the guarded fetch: addresses and URLs that are refused, and those that are not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facemeld.media.errors import DownloadFailed, IllegalUrl, MediaError
from facemeld.media.fetch import Fetcher, FetchPolicy
from facemeld.media.urls import follow, is_public, parse_url, refusal

BLOCKED_ADDRESSES = """
0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 100.127.255.255 127.0.0.1 127.1.2.3 127.255.255.254
168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.8 192.0.0.9 192.0.0.192
192.0.2.1 192.88.99.1 192.168.0.1 192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.9 224.0.0.1
239.255.255.250 240.0.0.1 255.255.255.255
:: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:8.8.8.8 ::ffff:10.0.0.1 ::ffff:0:127.0.0.1
64:ff9b::127.0.0.1 64:ff9b::10.0.0.1 64:ff9b::169.254.169.254 64:ff9b::100.64.0.1 64:ff9b:1::127.0.0.1 64:ff9b:1::8.8.8.8
100::1 100:0:0:1::1 2001::1 2001:0:7f00:1::1 2001:0:4136:e378:8000:63bf:80ff:fffe 2001:2::1 2001:4:112::1 2001:10::1 2001:20::1
2001:db8::1 2002:7f00:1:: 2002:a00:1::1 2002:808:808::1 3fff::1 3fff:fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1
fe80::5efe:127.0.0.1 fec0::1 feff::1 ff02::1 ff0e::1 2606:4700::5efe:127.0.0.1 2606:4700::200:5efe:10.0.0.1
2606:4700::5efe:8.8.8.8 fe80::1%eth0 2606:4700::1111%1 4000::1 not-an-address
"""

PUBLIC_ADDRESSES = """
1.1.1.1 8.8.8.8 93.184.215.14 100.63.255.255 100.128.0.1 172.15.255.255 172.32.0.1 192.0.1.1 192.167.255.255 198.17.255.255
198.20.0.1 223.255.255.255 168.63.129.15 2606:4700:4700::1111 2001:4860:4860::8888 2400:3200::1 2a00:1450:4001::1
64:ff9b::8.8.8.8 2001:200::1
"""


@pytest.mark.vectors("hostile", "addresses")
@pytest.mark.parametrize("address", BLOCKED_ADDRESSES.split())
def test_addresses_that_are_never_connected_to(address: str) -> None:
    assert refusal(address) is not None


@pytest.mark.vectors("good", "addresses")
@pytest.mark.parametrize("address", PUBLIC_ADDRESSES.split())
def test_public_addresses(address: str) -> None:
    assert refusal(address) is None


def test_an_allowed_network_is_reached_and_nothing_beside_it() -> None:
    allow = (ip_network("10.1.0.0/16"), ip_network("fd00:1::/32"))
    assert refusal("10.1.2.3", allow) is None
    assert refusal("fd00:1::5", allow) is None
    for address in ("10.2.0.1", "fd00:2::1", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "127.0.0.1"):
        assert refusal(address, allow) is not None, address


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)))
def test_nothing_that_the_standard_library_calls_special_is_public(address: object) -> None:
    parsed = ip_address(str(address))
    if is_public(parsed):
        special = parsed.is_private, parsed.is_loopback, parsed.is_link_local, parsed.is_multicast, parsed.is_unspecified
        assert not any(special)


# URLs with a form that is no absolute http(s) URL: the caller is told so.
ILLEGAL_URLS = [
    "",
    " ",
    "test1.jpg",
    "/a.jpg",
    "//example.com/a.jpg",
    "example.com/a.jpg",
    "http:",
    "http:/example.com/a.jpg",
    "http:example.com",
    "http://",
    "http:///a.jpg",
    "https://?a",
    "https://#a",
    "ftp://example.com/a.jpg",
    "file:///etc/passwd",
    "gopher://example.com/",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "unix:///run/docker.sock",
    "http+unix://%2Frun%2Fdocker.sock/",
    "jar:http://example.com!/",
    "http://:80/",
    "http://example.com:a/",
    "http://example.com:-1/",
    "http://example.com:0/",
    "http://example.com:65536/",
    "http://example.com:999999/",
    "http://example.com:80:80/",
    "http://[::1/",
    "http://::1/",
    "http://[::1]x/",
    "http://[::1][::2]/",
    "http://exa mple.com/",
    "http://example.com/a b",
    "http://example.com/\r\nHost: internal",
    "http://example.com\\@127.0.0.1/",
    "http:\\\\127.0.0.1/",
    "http://example.com/\x00",
    "http://example.com/\ud800",
    "http://example.com/" + "a" * 2048,
]

# Well-formed URLs that lead inside, or whose host is spelled to look harmless: refused with the uniform message.
REFUSED_URLS = [
    "http://127.0.0.1/",
    "http://127.0.0.1:80/",
    "https://127.0.0.1/",
    "HTTP://127.0.0.1/",
    "http://127.1/",
    "http://127.0.1/",
    "http://2130706433/",
    "http://017700000001/",
    "http://0177.0.0.1/",
    "http://0177.0.0.01/",
    "http://0x7f000001/",
    "http://0x7f.0.0.1/",
    "http://0x7f.1/",
    "http://127.0.0.0x1/",
    "http://0x/",
    "http://0/",
    "http://127.0.0.1./",
    "http://127.0.0.1.:80/",
    "http://example.com./",
    "http://example..com/",
    "http://.example.com/",
    "http://1.2.3.4.5/",
    "http://256.1.1.1/",
    "http://example.0x1/",
    "http://127。0。0。1/",
    "http://127．0．0．1/",
    "http://127｡0｡0｡1/",
    "http://１２７.０.０.１/",
    "http://①②⑦.0.0.1/",
    "http://ｌocalhost/",
    "http://exampⅼe.com/",
    "http://example。com/",
    "http://%31%32%37.0.0.1/",
    "http://localhost%00.example.com/",
    "http://[127.0.0.1]/",
    "http://[localhost]/",
    "http://[::1]/",
    "http://[::]/",
    "http://[0:0:0:0:0:0:0:1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::ffff:7f00:1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[fe80::1]/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
    "http://[2606:4700::1111%25lo]/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://[fec0::1]/",
    "http://[v1.fe80::a]/",
    "http://169.254.169.254/latest/meta-data/iam/",
    "http://100.100.100.200/latest/meta-data/",
    "http://168.63.129.16/machine?comp=goalstate",
    "http://192.0.0.192/opc/v2/",
    "http://192.88.99.1/",
    "http://10.0.0.1/",
    "http://192.168.1.1/",
    "http://172.16.0.1/",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://example.com@127.0.0.1/",
    "http://127.0.0.1:80@example.com/",
    "http://@example.com/",
    "http://exa_mple-.com/",
    "http://-example.com/",
    "http://example.com,127.0.0.1/",
    "http://example.com;127.0.0.1/",
    "http://exam$ple.com/",
    "http://*/",
    "http://" + "a" * 64 + ".com/",
    "http://" + "a." * 130 + "com/",
    "http://public.test:22/",
    "http://public.test:6379/",
    "http://public.test:8080/",
    "http://8.8.8.8:25/",
    # These names resolve to what the table of answers below says.
    "http://localhost/",
    "http://loopback.test/",
    "http://metadata.test/computeMetadata/v1/",
    "http://mixed.test/",
    "http://mixed6.test/",
    "http://mapped.test/",
    "http://zoned.test/",
    "http://teredo.test/",
    "http://nothing.test/",
    "http://unknown.test/",
    "http://xn--bcher-kva.test/",
    "http://bücher.test/",
    "http://metadata.google.internal/computeMetadata/v1/",
    "http://127.0.0.1.wildcard.test/",
    "http://public.test.:80/",
    "http://3232235521/",
    "http://0300.0250.0.1/",
    "http://0xa9fea9fe/",
    "http://0xa9.0xfe.0xa9.0xfe/",
    "http://169。254。169。254/",
    "http://[::ffff:169.254.169.254]/",
    "http://[::ffff:a9fe:a9fe]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[2002:a9fe:a9fe::]/",
    "http://[::a9fe:a9fe]/",
    "http://[2606:4700::5efe:a9fe:a9fe]/",
    "http://[0:0:0:0:0:ffff:7f00:0001]/",
    "http://127.0.0.1#@public.test/",
    "http://127.0.0.1?@public.test/",
]

ANSWERS = {
    "localhost": ["127.0.0.1", "::1"],
    "loopback.test": ["127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "mixed.test": ["93.184.215.14", "10.0.0.1"],
    "mixed6.test": ["2606:4700:4700::1111", "::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "zoned.test": ["fe80::1%eth0"],
    "teredo.test": ["2001:0:7f00:1::1"],
    "nothing.test": [],
    "xn--bcher-kva.test": ["192.168.0.7"],
    "metadata.google.internal": ["169.254.169.254"],
    "127.0.0.1.wildcard.test": ["127.0.0.1"],
}
PUBLIC = "93.184.215.14"
"""What all other names resolve to but the unknown one, so that nothing is refused for want of an address."""


async def answers(host: str, port: int) -> Sequence[str]:
    if host == "unknown.test":
        raise OSError(f"no such name: {host}")
    return ANSWERS.get(host, [PUBLIC])


def fetch(url: str) -> bytes:
    fetcher = Fetcher(FetchPolicy(connect_seconds=1, total_seconds=2), resolver=answers)
    return asyncio.run(fetcher.fetch(url, max_bytes=1000))


@pytest.mark.vectors("hostile", "URLs that are none")
@pytest.mark.parametrize("url", ILLEGAL_URLS)
def test_illegal_urls(url: str) -> None:
    with pytest.raises(IllegalUrl):
        fetch(url)


@pytest.mark.vectors("hostile", "URLs that lead inside, or whose hosts are spelled oddly")
@pytest.mark.parametrize("url", REFUSED_URLS)
def test_refused_urls_all_give_the_same_message(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def connected(*args: object, **options: object) -> None:
        raise AssertionError(f"a connection was tried: {args}")

    monkeypatch.setattr("anyio.connect_tcp", connected)
    with pytest.raises(DownloadFailed) as caught:
        fetch(url)
    assert str(caught.value) == DownloadFailed.MESSAGE
    assert caught.value.reason
    assert "secret" not in caught.value.reason


GOOD_URLS = {
    "http://example.com": ("example.com", 80, "/"),
    "https://example.com/a.jpg": ("example.com", 443, "/a.jpg"),
    "HTTPS://EXAMPLE.com:443/A.jpg?x=1&y=%20#part": ("example.com", 443, "/A.jpg?x=1&y=%20"),
    "https://example.com/头像.jpg": ("example.com", 443, "/%E5%A4%B4%E5%83%8F.jpg"),
    "https://例子.测试/": ("xn--fsqu00a.xn--0zwm56d", 443, "/"),
    "https://bücher.example?q": ("xn--bcher-kva.example", 443, "/?q"),
    "http://8.8.8.8:8080/x": ("8.8.8.8", 8080, "/x"),
    "https://[2606:4700:4700::1111]:8443/": ("2606:4700:4700::1111", 8443, "/"),
    "http://example.com:/": ("example.com", 80, "/"),
    "https://cdn_1.example.com/a@b:c/(d)!*'?e=[f]": ("cdn_1.example.com", 443, "/a@b:c/(d)!*'?e=[f]"),
    'https://example.com/"<>`{}|^': ("example.com", 443, "/%22%3C%3E%60%7B%7D%7C%5E"),
    "https://store.example.com/o?X-Sig=a%2Fb%3D&e=1": ("store.example.com", 443, "/o?X-Sig=a%2Fb%3D&e=1"),
    "http://example.com/../../etc/passwd": ("example.com", 80, "/../../etc/passwd"),
}


@pytest.mark.vectors("good", "URLs")
@pytest.mark.parametrize(("url", "parts"), GOOD_URLS.items())
def test_good_urls(url: str, parts: tuple[str, int, str]) -> None:
    parsed = parse_url(url)
    assert (str(parsed.host), parsed.port, parsed.target) == parts
    assert parse_url(str(parsed)) == parsed


@pytest.mark.vectors("good", "redirects")
@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("b.jpg", "https://example.com/x/b.jpg"),
        ("/b.jpg", "https://example.com/b.jpg"),
        ("//other.example/b", "https://other.example/b"),
        ("http://other.example:80/b", "http://other.example/b"),
        ("?q", "https://example.com/x/a.jpg?q"),
    ],
)
def test_redirects_are_resolved(location: str, expected: str) -> None:
    assert str(follow(parse_url("https://example.com/x/a.jpg"), location)) == expected


@pytest.mark.vectors("hostile", "redirects")
@pytest.mark.parametrize(
    "location", ["ftp://example.com/", "file:///etc/passwd", "http://a b/", "http://[::1", "http://0x7f.1/", "http://u:p@h/"]
)
def test_redirects_to_illegal_places_are_a_failed_download(location: str) -> None:
    with pytest.raises(DownloadFailed):
        follow(parse_url("https://example.com/x/a.jpg"), location)


@given(st.text() | st.text(alphabet="htps:/@.[]%#?0123456789abcx\\ 。", max_size=60).map(lambda text: "http://" + text))
def test_any_text_is_a_url_or_a_media_error(text: str) -> None:
    with suppress(MediaError):
        parsed = parse_url(text)
        assert str(parsed).isascii()
        assert parse_url(str(parsed)) == parsed
