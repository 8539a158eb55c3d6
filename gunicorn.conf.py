"""Settings of the web server. Started as: gunicorn "provvypay.app:create_app()"; gunicorn reads this file by itself."""

import os

bind = f"{os.environ.get('HOST', '127.0.0.1')}:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 8

# an answer takes milliseconds; whatever takes longer than this hangs
timeout = 30
# on SIGTERM: stop accepting, finish what runs, be gone before a platform loses patience (mostly at 30 s)
graceful_timeout = 25
keepalive = 5
# Slow leaks never grow old; the jitter keeps workers from restarting together. A new worker costs 0.75 s of CPU: spread
# over 2,000 requests that would be more than a poll itself costs, over these it is a twentieth.
max_requests = 50_000
max_requests_jitter = 5_000

# no legitimate request of ours comes near these
limit_request_line = 4094
limit_request_fields = 60
limit_request_field_size = 8190

# the proxy's headers are judged by the application (PROVVYPAY_TRUSTED_PROXIES), not here
forwarded_allow_ips = ""
# worker heartbeats in memory where there is such a place: on a slow disk they stall and workers get killed
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: PTH112, S108

# nobody steers a running server through a socket in a home folder
control_socket_disable = True

accesslog = None  # the application logs requests itself, without personal data
errorlog = "-"
loglevel = "warning"


def on_starting(_server: object) -> None:
    """Do not tell the world which server this is, let alone its version."""
    import gunicorn.http.wsgi  # noqa: PLC0415

    gunicorn.http.wsgi.SERVER = "provvypay"
