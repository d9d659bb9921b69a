"""``nitido app``: one page on this machine for pictures and the camera."""
