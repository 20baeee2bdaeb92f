"""Every bound on what the network may ask of the device, each with its reason."""

from __future__ import annotations

# What is sent ---------------------------------------------------------------------------------------------
MAX_BODY = 16 * 2**20  # bytes; a phone's largest photographs are 10 MB, the page itself sends below 1 MB
MAX_COMMAND = 1000  # bytes of a body that is no image
MAX_HELD = 4 * MAX_BODY  # bytes of all bodies that are in memory at one time
MAX_PIXELS = 64_000_000  # of an image; most phones stop at 50 megapixels
MAX_DECODED = 256 * 2**20  # bytes that an image may take while it is decoded: a small board has 512 MB
MAX_SCANS = 100  # of a progressive JPEG, each of which takes its time; usual ones have 10
MAX_SEGMENTS = 1000  # of a JPEG before its size: a phone's have dozens
BODY_SECONDS = 20  # a body of 16 MB takes them at 7 Mbit/s
MAX_WAITING = 2  # images that wait for the reading thread: half a second's work on a small device
REST = 0.5  # of the time that a reading took, in which the camera has the machine to itself
SWITCH_SECONDS = 0.0005  # after which a thread must let another one run, where there is a camera

# Who asks -------------------------------------------------------------------------------------------------
RATE, BURST = 50.0, 100.0  # requests a second of one address, and at once: a pad sends 8, a page load 10
MAX_CLIENTS = 1024  # addresses whose rate is remembered; the one that was quiet longest is forgotten
LEAST_TOKEN = 12  # characters: at `RATE` guesses a second nobody finds these
COOKIE_SECONDS = 30 * 86_400

# Connections ----------------------------------------------------------------------------------------------
MAX_CONNECTIONS = 64  # and no more than the next line of one address; a browser opens 6
MAX_PER_CLIENT = 24
MAX_TOLD = 16  # that are turned away and told so, at one time; more are cut
HEAD_SECONDS = 10  # in which a request's head must be there
STALL_SECONDS = 10  # a viewer that takes nothing for so long is gone
LINGER_SECONDS = 1  # for which an answered sender's rest is thrown away, so that it gets to see the answer
SEND_BUFFER = 2**18  # bytes that the system holds for one viewer: more, and the slow ones see the past

# Viewers --------------------------------------------------------------------------------------------------
MAX_VIEWERS = 8  # of the live image, and as many of the live state
IMAGES_A_SECOND = 15  # pleasant to watch; each costs a few ms of a core, whoever many watch
STATES_A_SECOND = 10
IMAGE_AT_LEAST = 5.0  # seconds after which an image that stays is sent again: proxies cut what is silent
STATE_AT_LEAST = 1.0
LIVE_SIDE = 1280  # px, the longer side of the live image; the snapshot has all of them
LIVE_QUALITY, SNAPSHOT_QUALITY = 80, 92  # of JPEG
SOURCE_SECONDS = 10  # without a frame after which a source that says nothing counts as lost
