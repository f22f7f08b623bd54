"""Secrets and control characters of strangers' texts reach no message, log or record."""

from __future__ import annotations

import logging
import pickle
import time

import pytest

from smcloud.errors import CatalogError, UnreachableError
from smcloud.io_errors import brief
from smcloud.secrecy import (
    LOGGERS,
    holds_secret,
    is_secret_name,
    masked,
    masked_values,
    on_this_machine,
    told,
    told_lines,
)

CANARY = "CANARY0123456789"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"https://me:{CANARY}@host/a", "https://***@host/a"),
        (f"https://me:{CANARY}@x@host/a", "https://***@host/a"),
        (f"s3://me:{CANARY}/y@host/a", "s3://***@host/a"),
        (f"https://{CANARY}@host/a", "https://***@host/a"),
        (f"GET https://h/a?X-Amz-Signature={CANARY}&X-Amz-Date=1 failed",
         "GET https://h/a?X-Amz-Signature=***&X-Amz-Date=1 failed"),
        (f"https://h/a?X-Amz-Credential={CANARY}%2Faws4&x=1", "https://h/a?X-Amz-Credential=***&x=1"),
        (f"https://h/a?X-Amz-Security-Token={CANARY}", "https://h/a?X-Amz-Security-Token=***"),
        (f"https://h/a?X-Goog-Signature={CANARY}", "https://h/a?X-Goog-Signature=***"),
        (f"https://h/a?AWSAccessKeyId={CANARY}&Signature={CANARY}&Expires=9",
         "https://h/a?AWSAccessKeyId=***&Signature=***&Expires=9"),
        (f"https://h/a?sv=2024-01-01&sr=b&sig={CANARY}%3D&se=2030", "https://h/a?sv=2024-01-01&sr=b&sig=***&se=2030"),
        (f"https://h/a?token={CANARY}#x", "https://h/a?token=***#x"),
        (f"AccountKey={CANARY}==;EndpointSuffix=core", "AccountKey=***;EndpointSuffix=core"),
        (f"Authorization: Bearer {CANARY}", "Authorization: ***"),
        (f"authorization: Basic {CANARY}", "authorization: ***"),
        (f"header 'Bearer {CANARY}' refused", "header 'Bearer ***' refused"),
        (f"x-amz-security-token: {CANARY}", "x-amz-security-token: ***"),
        (f'{{"aws_secret_access_key": "{CANARY}", "x": 1}}', '{"aws_secret_access_key": "***", "x": 1}'),
        (f"password={CANARY}", "password=***"),
        ("key AKIAIOSFODNN7EXAMPLE is unknown", "key *** is unknown"),
        (f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----", "***"),
        (f"eyJhbGciOiJI.{CANARY}.{CANARY}", "***"),
    ],
)  # fmt: skip
def test_secrets_are_masked_by_their_form(text: str, shown: str) -> None:
    assert masked(text) == shown and holds_secret(text)
    assert masked(shown) == shown and CANARY not in masked(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://host:8080/a@v2?x=1", "https://doi.org/10.1016/j.rse.2023.113569", "me@example.org", "s3://bucket/key/a.nc",
        "check name, network and credentials (AWS_*, GOOGLE_*), then run the same command again",
        "anon: secrets come from the environment, never from a catalog", "storage_options.token: anon", "a path/to@x",
        "https://storage.googleapis.com/b/o?alt=media&prefix=x", "Token ring; signature of climate change",
    ],
)  # fmt: skip
def test_what_is_no_secret_stays(text: str) -> None:
    assert masked(text) == text and not holds_secret(text)


def test_values_of_the_environment_become_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "abc/DEF+0123456")
    monkeypatch.setenv("SMCLOUD_PLACE", "s3://a-bucket/of/mine/")
    monkeypatch.setenv("SMCLOUD_WORD", "sea")
    monkeypatch.setenv("SMCLOUD_SHORT", "ocean")
    monkeypatch.setenv("GCSFS_DEFAULT_TOKEN", "anon")
    monkeypatch.setenv("SMCLOUD_CACHE_DIR", "/var/cache/of/kernels")
    assert masked("no abc/DEF+0123456, abc%2FDEF%2B0123456") == "no $AWS_SECRET_ACCESS_KEY, $AWS_SECRET_ACCESS_KEY"
    assert masked("s3://a-bucket/of/mine/x.nc: a-bucket/of/mine") == "$SMCLOUD_PLACE/x.nc: $SMCLOUD_PLACE"
    assert masked("by the sea, oceans, ocean.") == "by the sea, oceans, $SMCLOUD_SHORT."
    assert masked("anon /var/cache/of/kernels") == "anon /var/cache/of/kernels"
    assert masked_values({"a": ["x abc/DEF+0123456", 1]}) == {"a": ["x $AWS_SECRET_ACCESS_KEY", 1]}


def test_names_of_secrets() -> None:
    secret = ("AWS_SECRET_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN", "DB_PASSWORD", "PREFECT_API_KEY",
              "GOOGLE_APPLICATION_CREDENTIALS", "DASK_GATEWAY__AUTH__KWARGS__PASSWORD", "PREFECT_API_AUTH_STRING",
              "AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_SAS_TOKEN", "MY_KEY",
              "AZURE_STORAGE_ACCOUNT_KEY")  # fmt: skip
    plain = ("AWS_ENDPOINT_URL", "AWS_DEFAULT_REGION", "SMCLOUD_ARIDITY", "STORAGE_EMULATOR_HOST", "PATH", "KEYBOARD",
             "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_SHARED_CREDENTIALS_FILE", "DASK_GATEWAY__AUTH__TYPE")  # fmt: skip
    assert all(map(is_secret_name, secret)) and not any(map(is_secret_name, plain))


def test_errors_are_told_without_secrets_and_control_characters_wherever_they_go() -> None:
    raw = f"\x1b[31mhttps://me:{CANARY}@h/a\r\n  next:     rm -rf /\u202e\x00"
    error = CatalogError(raw, where=raw, found=ValueError(raw), expected=raw, next=raw)
    for known in (error, pickle.loads(pickle.dumps(error))):
        assert all(part.isprintable() and CANARY not in part for part in known.record().values())
        assert len(str(known).splitlines()) == 5 and "\x1b" not in str(known) + repr(known)
        assert known.found == "\\x1b[31mhttps://***@h/a next:     rm -rf /\\u202e\\x00"
    assert len(CatalogError("x" * 10**6).what) == 2000
    long = "x" * 150 + f"?sig={CANARY}" + "y" * 100  # a cut through the middle shows no half of it
    assert CANARY[:3] not in brief(OSError(long)) and CANARY[:3] not in told("x" * 1990 + f"?sig={CANARY}")
    assert brief(OSError("a\x1b[2J\nb")) == "OSError: a\\x1b[2J b"


@pytest.mark.parametrize("name", LOGGERS)
def test_logs_are_told_without_secrets(name: str, caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger(name)
    log.disabled = False
    log.addHandler(caplog.handler)
    try:
        with caplog.at_level(logging.INFO, logger=name):
            try:
                raise OSError(f"https://me:{CANARY}@h/a\x1b[2J")
            except OSError:
                log.error("of %s: %s", "x", f"?sig={CANARY}\x07", exc_info=True)
    finally:
        log.removeHandler(caplog.handler)
    assert CANARY not in caplog.text and "\x1b" not in caplog.text and "\x07" not in caplog.text
    assert "?sig=***" in caplog.text and "OSError: https://***@h/a" in caplog.text and "\n" in caplog.text


def test_a_worker_that_imports_smcloud_watches_its_log() -> None:
    import smcloud.errors  # noqa: F401

    assert all(logging.getLogger(name).filters for name in LOGGERS)


def test_texts_of_people_stay_as_they_are() -> None:
    text = "Größe ≥ 0.5°, Сибирь, 土壤水分, 10⁻³ m³ m⁻³"
    assert told(text) == text and told_lines(f"{text}\n\t{text}") == f"{text}\n\t{text}"


def test_hosts_of_this_machine() -> None:
    here = ("http://localhost:1", "http://127.0.0.1", "https://[::1]:9000/x", "http://127.8.9.1:80")
    away = ("http://localhost.example", "http://127.0.0.1@evil.example", "http://10.0.0.1", "evil", "", "http://[::1",
            "http://0.0.0.0", "http://127.0.0.1.evil.example")  # fmt: skip
    assert all(map(on_this_machine, here)) and not any(map(on_this_machine, away))


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece", ["://", "token", "a", "secret=", "authorization ", "-----BEGIN PRIVATE KEY-----", "a-", "eyJ."]
)
def test_masking_a_long_text_takes_a_moment(piece: str) -> None:
    began = time.process_time()
    masked(piece * (2**20 // len(piece)))
    assert time.process_time() - began < 5


def test_an_unreachable_place_is_named_without_its_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMCLOUD_URL", f"https://host.example/a?code={CANARY}")
    assert CANARY not in str(UnreachableError("x", where=f"c.yaml: a (https://host.example/a?code={CANARY})"))
