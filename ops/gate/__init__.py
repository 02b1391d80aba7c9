"""The gate in front of everything that the pages' server answers, over HTTP and over websockets.

requests  which requests are refused whoever sends them: their host, origin, and forwarding headers
tokens    the token of local mode: who can read it may enter
sessions  who has entered: a list on the server, so that a session can end before its cookie does
people    the user of a session, with the role that the settings give them now
headers   the headers of every response, Content-Security-Policy above all
screens   what the gate itself shows
mark      shows the pages that the gate has let a request through
cookies   reading, removing, and adding cookies of a request or a response
asgi      the gate: an ASGI middleware that uses all of these

A server is local if sign-in is not configured and it listens on a loopback address: then a browser needs the
token. With sign-in, a browser needs a session, which opens when the identity provider has answered. With
neither, nothing is served.
"""
