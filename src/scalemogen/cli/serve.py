"""`scalemogen serve`: a page in the browser and a JSON API around one model."""

from __future__ import annotations

import argparse
import socket
import sys
from importlib.util import find_spec

from scalemogen.errors import UserError
from scalemogen.pipeline.devices import choose_device

NEEDED = ("fastapi", "uvicorn")
CONNECTIONS = 256
HEADER_BYTES = 16 * 1024
SHUTDOWN_SECONDS = 10


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted.

    Raises:
        UserError: a missing package, a bad model or number, or an address that cannot be listened on.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise UserError(f"serving needs {', '.join(missing)}: pip install 'scalemogen[serve]'")
    with _listen(args.host, args.port) as listener:
        import uvicorn

        from scalemogen.pipeline import TextToMotion  # takes seconds to import
        from scalemogen.serving import Impatient, Limits, create_app, is_loopback

        limits = Limits(queue=args.queue, batch=args.batch, rate=args.rate, keep=args.keep)
        model = TextToMotion.from_pretrained(args.model, device=choose_device(args.device))
        app = create_app(model, limits, args.host)
        host = f"[{args.host}]" if ":" in args.host else args.host
        print(f"serving {args.model} at http://{host}:{listener.getsockname()[1]}/ (Ctrl+C ends it)", flush=True)
        if not is_loopback(args.host):
            print(
                f"scalemogen: warning: {args.host} can be reached from other machines; there is no password and no"
                " encryption here. Put a proxy that has both in front",
                file=sys.stderr,
            )
        config = uvicorn.Config(
            app,
            access_log=False,
            http=Impatient,
            ws="none",
            log_level="warning",
            limit_concurrency=CONNECTIONS,
            h11_max_incomplete_event_size=HEADER_BYTES,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_SECONDS,
        )
        uvicorn.Server(config).run(sockets=[listener])
    return 0


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens, before time is spent on loading the model."""
    if not 0 <= port < 65536:
        raise UserError(f"port {port}: must be 0 to 65535")
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address, family=family)
    except OSError as error:
        raise UserError(f"cannot listen on {host} port {port}: {error.strerror or error}") from error
