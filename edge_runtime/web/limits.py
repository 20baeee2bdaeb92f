"""Every limit on what clients may ask of the device, each with its reason."""

from __future__ import annotations

from edge_runtime.images.limits import Limits

# Uploads --------------------------------------------------------------------------------------------------
MAX_BODY_BYTES = 16 * 2**20  # the largest phone photos are about 10 MB; the page itself sends less than 1 MB
MAX_STROKES_BYTES = 2**19  # about 35,000 points; a page full of digits has 5,000
MAX_STROKES = 400  # these take a few seconds at most; a page full of digits has 200
MAX_COMMAND_BYTES = 1000  # other JSON bodies
MAX_BUFFERED_BYTES = 4 * MAX_BODY_BYTES  # all request bodies in memory at one time
IMAGE = Limits(
    pixels=64_000_000,  # most phones stop at 50 megapixels; these take 280 MB, and a small board has 512 MB
    seconds=10,  # for a page of a PDF, or a HEIC photo; a small board takes one or two
)
BODY_TIMEOUT = 20  # s; enough for the largest body at 7 Mbit/s
MIN_BODY_RATE = 2**14  # bytes/s; the slowest mobile networks are faster
PACE_INTERVAL = 5  # s over which the rate is measured: a connection may stall for a moment
MAX_QUEUED = 2  # images waiting for the reading thread: about half a second of work on a small device
READ_PAUSE = 0.5  # pause after a reading, as a share of its time; it leaves the CPU to the camera
RETURNED_SIDE = 2048  # px, longer side of an image that is sent back: about 1 MB at most
RETURNED_QUALITY = 85  # JPEG quality
THREAD_SWITCH_INTERVAL = 0.0005  # s; Python's default of 5 ms would delay the camera's thread

# Clients --------------------------------------------------------------------------------------------------
REQUESTS_PER_SECOND = 50.0  # per client address; drawing on the pad sends about 8
MAX_BURST = 100.0  # requests that a client may send at once after a pause; loading the page takes about 25
MAX_TRACKED_CLIENTS = 1024  # addresses whose rate is remembered; the least recent is dropped first
MIN_TOKEN_LENGTH = 12  # characters; impossible to guess at `REQUESTS_PER_SECOND`
COOKIE_SECONDS = 30 * 86_400

# Connections ----------------------------------------------------------------------------------------------
MAX_CONNECTIONS = 128  # in all; fewer where the system allows fewer than 290 open files
MAX_CONNECTIONS_PER_CLIENT = 64  # a browser opens 6, but a proxy is the client for all browsers behind it
MODEST_CONNECTIONS = 8  # of a client; those of a client that has more are closed first
BACKLOG = 256  # connections that wait to be accepted; if there are more, clients try again after a second
ACCEPT_PAUSE = 0.1  # s to wait after a connection could not be accepted
MAX_BUSY_REPLIES = 16  # rejected connections that get a reply at one time; any more are dropped without one
HEADER_TIMEOUT = 10  # s for a client to send its request headers
WRITE_TIMEOUT = 10  # s for a client to accept data before it is disconnected
LINGER = 1  # s for which a rejected body is still received and discarded, so that the client sees the reply
SEND_BUFFER_BYTES = 2**18  # per connection; with a larger buffer slow viewers would see old frames

# Viewers --------------------------------------------------------------------------------------------------
MAX_VIEWERS = 8  # of the live image, and as many of the events
MAX_IMAGE_RATE = 15  # live images per second; each costs a few ms of CPU, shared by all viewers
MAX_EVENT_RATE = 10  # events per second
IMAGE_KEEPALIVE = 5.0  # s after which an unchanged image is sent again: proxies close silent connections
EVENT_KEEPALIVE = 1.0  # s after which an event is sent even if nothing changed
LIVE_IMAGE_SIDE = 1280  # px, longer side of the live image; snapshots keep their full size
LIVE_QUALITY, SNAPSHOT_QUALITY = 80, 92  # JPEG quality
SOURCE_TIMEOUT = 10  # s without a new frame after which the source counts as lost
