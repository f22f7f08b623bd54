"""A small object store that speaks the JSON API of Google Cloud Storage, on aiohttp, for tests on loopback.

It knows preconditions, ranges, multipart and resumable uploads, paging, copies, compose, batch and checksums, and
answers with faults when it is told to (``POST /faults``). ``python -m tests.cloud.gcs`` serves until it is ended, and
prints its address first.
"""

from __future__ import annotations

import asyncio
import json
import re
import threading
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiohttp import web

from tests.cloud.objects import Blob, Fault, ObjectStore, Refusal, require

Handler = Any


def parts_of(body: bytes, content_type: str) -> list[tuple[dict[str, str], bytes]]:
    """Headers and content of the parts of a multipart body, byte for byte; line ends may be CRLF or LF."""
    match = re.search(r'boundary="?([^";]+)"?', content_type)
    if match is None:
        raise Refusal(400, "multipart without boundary")
    mark = b"--" + match[1].encode()
    # A writer ends its lines in one way, CRLF or LF, which its first line shows; every other byte is content.
    start = body.index(mark) + len(mark)
    end = b"\r\n" if body[start:].split(b"\n", 1)[0].endswith(b"\r") else b"\n"
    parts = []
    for piece in body[start:].split(end + mark):
        if piece.startswith(b"--"):
            break
        head, _, content = piece.removeprefix(end).partition(end + end)
        lines = (line.split(":", 1) for line in head.decode("latin-1").splitlines() if ":" in line)
        parts.append(({key.strip().lower(): value.strip() for key, value in lines}, content))
    return parts


def ranged(content: bytes, header: str | None) -> tuple[int, bytes, dict[str, str]]:
    """Status, bytes and headers of an answer to a Range header."""
    if not header:
        return 200, content, {}
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", header.strip())
    if match is None or not (match[1] or match[2]):
        return 200, content, {}
    size = len(content)
    if match[1]:
        first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
    else:
        first, last = max(size - int(match[2]), 0), size - 1
    if first >= size or first > last:
        raise Refusal(416, f"bytes */{size}")
    return 206, content[first : last + 1], {"Content-Range": f"bytes {first}-{last}/{size}"}


class Api:
    """The HTTP side: routes, faults and errors."""

    def __init__(self, store: ObjectStore) -> None:
        self.store = store

    def app(self) -> web.Application:
        """The application, ready to be served."""
        app = web.Application(middlewares=[self._errors], client_max_size=2**31)
        names = r"/b/{bucket:[^/]+}/o/{name:.+}"
        for prefix in ("/storage/v1", "/download/storage/v1"):
            app.router.add_get(prefix + names, self.get_object)
        add = app.router.add_route
        add("GET", "/storage/v1/b", self.list_buckets)
        add("POST", "/storage/v1/b", self.create_bucket)
        add("GET", "/storage/v1/b/{bucket:[^/]+}", self.get_bucket)
        add("DELETE", "/storage/v1/b/{bucket:[^/]+}", self.delete_bucket)
        add("GET", "/storage/v1/b/{bucket:[^/]+}/o", self.list_objects)
        add("DELETE", "/storage/v1" + names, self.delete_object)
        add("PATCH", "/storage/v1" + names, self.patch_object)
        add("POST", "/storage/v1" + names, self.object_action)
        add("POST", "/upload/storage/v1/b/{bucket:[^/]+}/o", self.upload)
        add("PUT", "/upload/storage/v1/b/{bucket:[^/]+}/o", self.resume)
        add("DELETE", "/upload/storage/v1/b/{bucket:[^/]+}/o", self.cancel)
        add("POST", "/batch/storage/v1", self.batch)
        add("POST", "/faults", self.set_faults)
        add("GET", "/requests", self.show_requests)
        add("GET", "/counted", self.show_counted)
        app.router.add_get(r"/{bucket:[^/]+}/{name:.+}", self.get_public)
        return app

    @web.middleware
    async def _errors(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path in ("/faults", "/requests", "/counted"):
            return await handler(request)  # type: ignore[no-any-return]
        self.store.requests.append(f"{request.method} {request.path_qs}")
        answer = await self._answer(request, handler)
        self.store.written += request.content_length or 0
        self.store.read += answer.content_length or 0
        return answer

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        fault = next((fault for fault in self.store.faults if fault.hits(request)), None)
        kind = fault.kind if fault else ""
        if kind == "slow":
            await asyncio.sleep(fault.seconds if fault else 0)
        elif kind in ("429", "503", "401"):
            await request.read()
            return _error(int(kind), "as asked")
        elif kind == "reset":
            return _hang_up(request)
        try:
            answer: web.StreamResponse = await handler(request)
        except Refusal as refusal:
            answer = _error(refusal.status, refusal.reason)
        if kind == "lost":
            return _hang_up(request)
        if kind == "truncated" and isinstance(answer, web.Response) and isinstance(answer.body, bytes):
            short = web.StreamResponse(status=answer.status, headers={"Content-Length": str(len(answer.body))})
            await short.prepare(request)
            await short.write(answer.body[: len(answer.body) // 2])
            return _hang_up(request, short)
        return answer

    # ------------------------------------------------------------------------------------------ buckets
    async def list_buckets(self, request: web.Request) -> web.Response:
        items = [{"kind": "storage#bucket", "id": name, "name": name} for name in sorted(self.store.buckets)]
        return web.json_response({"kind": "storage#buckets", "items": items})

    async def create_bucket(self, request: web.Request) -> web.Response:
        name = (await request.json())["name"]
        if name in self.store.buckets:
            raise Refusal(409, "Your previous request to create the named bucket succeeded and you already own it.")
        self.store.buckets[name] = {}
        return web.json_response(_bucket(name))

    async def get_bucket(self, request: web.Request) -> web.Response:
        name = request.match_info["bucket"]
        self.store.bucket(name)
        return web.json_response(_bucket(name))

    async def delete_bucket(self, request: web.Request) -> web.Response:
        if self.store.bucket(request.match_info["bucket"]):
            raise Refusal(409, "The bucket you tried to delete is not empty.")
        del self.store.buckets[request.match_info["bucket"]]
        return web.Response(status=204)

    # ------------------------------------------------------------------------------------------ objects
    async def list_objects(self, request: web.Request) -> web.Response:
        return web.json_response(self.store.listing(request.match_info["bucket"], request.query, _base(request)))

    async def get_object(self, request: web.Request) -> web.Response:
        blob = self.store.blob(request.match_info["bucket"], request.match_info["name"], request.query)
        if request.query.get("alt") != "media":
            return web.json_response(blob.resource(_base(request)))
        return self._media(request, blob)

    async def get_public(self, request: web.Request) -> web.Response:
        """An object at the address of anybody's browser."""
        return self._media(request, self.store.blob(request.match_info["bucket"], request.match_info["name"], {}))

    def _media(self, request: web.Request, blob: Blob) -> web.Response:
        status, content, headers = ranged(blob.content, request.headers.get("Range"))
        about = blob.resource("")
        headers |= {
            "X-Goog-Hash": f"crc32c={about['crc32c']},md5={about['md5Hash']}",
            "X-Goog-Generation": about["generation"],
            "X-Goog-Stored-Content-Length": about["size"],
            "ETag": about["etag"],
        }
        return web.Response(status=status, body=content, headers=headers, content_type=blob.content_type.split(";")[0])

    async def delete_object(self, request: web.Request) -> web.Response:
        bucket, name = request.match_info["bucket"], request.match_info["name"]
        self.store.blob(bucket, name, request.query)
        del self.store.buckets[bucket][name]
        return web.Response(status=204)

    async def patch_object(self, request: web.Request) -> web.Response:
        blob = self.store.blob(request.match_info["bucket"], request.match_info["name"], request.query)
        change = await request.json()
        blob.metadata = blob.metadata | (change.get("metadata") or {})
        blob.content_type = change.get("contentType", blob.content_type)
        blob.metageneration += 1
        return web.json_response(blob.resource(_base(request)))

    async def object_action(self, request: web.Request) -> web.Response:
        """rewriteTo, copyTo, moveTo and compose: the name of the source stands before the action."""
        bucket, path = request.match_info["bucket"], _raw_name(request)
        if path.endswith("/compose"):
            return await self._compose(request, bucket, urllib.parse.unquote(path.removesuffix("/compose")))
        match = re.fullmatch(r"(.+)/(rewriteTo|copyTo)/b/([^/]+)/o/(.+)|(.+)/moveTo/o/(.+)", path)
        if match is None:
            raise Refusal(404, "Not Found")
        await request.read()
        source, to = match[1] or match[5], match[4] or match[6]
        target = match[3] or bucket
        blob = self.store.blob(bucket, urllib.parse.unquote(source))
        name = urllib.parse.unquote(to)
        new = self.store.put(
            target, name, blob.content, _writing(request), content_type=blob.content_type, metadata=blob.metadata
        )
        if match[5]:
            del self.store.buckets[bucket][blob.name]
        resource = new.resource(_base(request))
        if match[2] != "rewriteTo":
            return web.json_response(resource)
        size = str(len(blob.content))
        done = {"kind": "storage#rewriteResponse", "done": True, "objectSize": size, "totalBytesRewritten": size}
        return web.json_response(done | {"resource": resource})

    async def _compose(self, request: web.Request, bucket: str, name: str) -> web.Response:
        body = await request.json()
        content = b"".join(self.store.blob(bucket, each["name"]).content for each in body["sourceObjects"])
        kind = (body.get("destination") or {}).get("contentType")
        blob = self.store.put(bucket, name, content, _writing(request), content_type=kind)
        return web.json_response(blob.resource(_base(request)))

    # ------------------------------------------------------------------------------------------ uploads
    async def upload(self, request: web.Request) -> web.Response:
        if "upload_id" in request.query:  # gcsfs sends the parts of an upload by POST
            return await self.resume(request)
        bucket, query, body = request.match_info["bucket"], _writing(request), await request.read()
        kind = query.get("uploadType")
        if kind == "media":
            blob = self.store.put(bucket, query["name"], body, query, content_type=request.content_type)
        elif kind == "multipart":
            (_, head), (about, content) = parts_of(body, request.headers["Content-Type"])
            meta = json.loads(head)
            blob = self.store.put(
                bucket, meta.get("name") or query["name"], content, query,
                content_type=meta.get("contentType") or about.get("content-type"), metadata=meta.get("metadata"),
            )  # fmt: skip
        elif kind == "resumable":
            meta = json.loads(body or b"{}") or {}
            name = meta.get("name") or query["name"]
            require(self.store.bucket(bucket).get(name), query)
            session = uuid.uuid4().hex
            content_type = request.headers.get("X-Upload-Content-Type") or meta.get("contentType")
            self.store.uploads[session] = {
                "bucket": bucket, "name": name, "query": query, "data": bytearray(), "done": None,
                "keys": {"content_type": content_type, "metadata": meta.get("metadata")},
            }  # fmt: skip
            path = f"/upload/storage/v1/b/{bucket}/o?uploadType=resumable&upload_id={session}"
            return web.json_response({}, headers={"Location": _base(request) + path})
        else:
            raise Refusal(400, f"uploadType {kind}")
        return web.json_response(blob.resource(_base(request)))

    async def resume(self, request: web.Request) -> web.Response:
        session = self.store.uploads.get(request.query.get("upload_id", ""))
        if session is None:
            raise Refusal(404, "No such upload")
        body = await request.read()
        if session["done"]:
            return web.json_response(session["done"])
        match = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", request.headers.get("Content-Range", ""))
        data: bytearray = session["data"]
        if match is None:
            data[:] = body
            total = len(body)
        else:
            if match[1] is not None:
                first = int(match[1])
                if first > len(data):
                    raise Refusal(503, "a part of the upload is missing")
                data[first:] = body
            total = -1 if match[3] == "*" else int(match[3])
        if len(data) != total:
            held = {"Range": f"bytes=0-{len(data) - 1}"} if data else {}
            return web.Response(status=308, headers=held)
        blob = self.store.put(session["bucket"], session["name"], bytes(data), session["query"], **session["keys"])
        session["done"] = blob.resource(_base(request))
        return web.json_response(session["done"])

    async def cancel(self, request: web.Request) -> web.Response:
        self.store.uploads.pop(request.query.get("upload_id", ""), None)
        return web.Response(status=499)

    async def batch(self, request: web.Request) -> web.Response:
        """Deletions in one request: what gcsfs sends."""
        answers = []
        for about, content in parts_of(await request.read(), request.headers["Content-Type"]):
            match = re.match(rb"\s*DELETE /storage/v1/b/([^/]+)/o/([^ ?]+)(?:\?(\S*))? HTTP", content)
            status = "400 Bad Request"
            if match:
                bucket, name = (urllib.parse.unquote(match[i].decode()) for i in (1, 2))
                query = dict(urllib.parse.parse_qsl((match[3] or b"").decode()))
                try:
                    self.store.blob(bucket, name, query)
                    del self.store.buckets[bucket][name]
                    status = "204 No Content"
                except Refusal as refusal:
                    status = f"{refusal.status} {refusal.reason}"
            reply = about.get("content-id", "").replace("<", "<response-")
            head = f"--batch_x\r\nContent-Type: application/http\r\nContent-ID: {reply}\r\n\r\n"
            answers.append(f"{head}HTTP/1.1 {status}\r\n\r\n\r\n")
        text = "".join(answers) + "--batch_x--\r\n"
        return web.Response(text=text, headers={"Content-Type": "multipart/mixed; boundary=batch_x"})

    # ------------------------------------------------------------------------------------------ for tests
    async def set_faults(self, request: web.Request) -> web.Response:
        left = sum(fault.times for fault in self.store.faults)  # of those before, how often they were still to come
        self.store.faults[:] = [Fault(**each) for each in await request.json()]
        return web.json_response(left)

    async def show_counted(self, request: web.Request) -> web.Response:
        store = self.store
        return web.json_response({"requests": len(store.requests), "read": store.read, "written": store.written})

    async def show_requests(self, request: web.Request) -> web.Response:
        return web.json_response(self.store.requests)


def _base(request: web.Request) -> str:
    return f"http://{request.host}"


def _bucket(name: str) -> dict[str, Any]:
    return {"kind": "storage#bucket", "id": name, "name": name, "location": "US", "storageClass": "STANDARD"}


def _writing(request: web.Request) -> dict[str, str]:
    return dict(request.query) | {"_write": "1"}


def _raw_name(request: web.Request) -> str:
    """What stands after ``/o/``, with its escapes: a slash in a name is escaped, one of the path is not."""
    return request.raw_path.split("?")[0].split("/o/", 1)[1]


def _error(status: int, reason: str) -> web.Response:
    error = {"code": status, "message": reason, "errors": [{"reason": reason, "message": reason}]}
    return web.json_response({"error": error}, status=status)


def _hang_up(request: web.Request, answer: web.StreamResponse | None = None) -> web.StreamResponse:
    """The connection ends here, with a reset."""
    if request.transport is not None:
        request.transport.abort()
    return answer or web.Response()


@contextmanager
def serving(store: ObjectStore | None = None) -> Iterator[tuple[str, ObjectStore]]:
    """The server in a thread of this process: its address and what it holds."""
    held = store or ObjectStore()
    loop = asyncio.new_event_loop()
    ready = threading.Event()
    address: list[str] = []

    async def start() -> web.AppRunner:
        runner = web.AppRunner(Api(held).app(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        address.append("http://{}:{}".format(*runner.addresses[0]))
        ready.set()
        return runner

    def serve() -> None:
        asyncio.set_event_loop(loop)
        runner = loop.run_until_complete(start())
        loop.run_forever()
        loop.run_until_complete(runner.cleanup())
        loop.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ready.wait(30)
    try:
        yield address[0], held
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


if __name__ == "__main__":
    with serving() as (url, _):
        print(url, flush=True)
        threading.Event().wait()
