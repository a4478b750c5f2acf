"""Real clients of Socket.IO behind one interface, so that a test is written once for all of them.

base                                    what a player does, and what it has heard
python_player asyncio_player js_player  python-socketio's two clients; the official JavaScript one, in node
table                                   players that are connected once and used by many tests
"""
