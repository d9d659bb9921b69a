"""Removes references from XMP packets to things that are not copied: gain maps, further pictures, videos."""

from __future__ import annotations

from typing import Any

_XMLNS = "http://www.w3.org/2000/xmlns/"
# Namespaces for things that are stored with the picture in its file, and their names; empty if another line reports
# them.
_COMPANIONS = {
    "http://ns.adobe.com/hdr-gain-map/1.0/": "",
    "http://ns.apple.com/HDRGainMap/1.0/": "",
    "http://ns.google.com/photos/1.0/container/": "",
    "http://ns.google.com/photos/1.0/container/item/": "",
    "http://ns.google.com/photos/1.0/image/": "further picture",
    "http://ns.google.com/photos/1.0/depthmap/": "depth map",
    "http://ns.google.com/photos/1.0/audio/": "sound",
    "http://ns.google.com/photos/dd/1.0/device/": "depth map",
    "http://ns.adobe.com/xmp/note/": "",
}
# In this namespace, only names with this prefix.
_CAMERA, _MOVING = "http://ns.google.com/photos/1.0/camera/", ("MotionPhoto", "MicroVideo")


def without_companions(packet: bytes | None) -> tuple[bytes | None, list[str]]:
    """A packet without references to companions in the same file, and a line for each of them."""
    if not packet or not any(name.encode() in packet for name in (*_COMPANIONS, _CAMERA)):
        return packet, []
    from xml.dom import minidom  # few pictures have companions
    from xml.parsers.expat import ExpatError

    try:
        document = minidom.parseString(packet.rstrip(b"\0"))
    except (ExpatError, ValueError):
        return packet, []
    found: set[str] = set()
    changed = _clean(document.documentElement, found)
    if not changed:
        return packet, []
    body = "".join(node.toxml() for node in document.childNodes)
    return body.encode(), [f"the {word} in the file is left out" for word in sorted(found)]


def _clean(element: Any, found: set[str]) -> bool:
    changed = False
    for attribute in list(element.attributes.values()) if element.attributes else []:
        declared = attribute.namespaceURI == _XMLNS and attribute.value in _COMPANIONS
        word = "" if declared else _companion(attribute)
        if word is not None:
            element.removeAttributeNode(attribute)
            found |= {word} - {""}
            changed = True
    for child in list(element.childNodes):
        if child.nodeType != child.ELEMENT_NODE:
            continue
        if (word := _companion(child)) is not None:
            element.removeChild(child)
            found |= {word} - {""}
            changed = True
        else:
            changed |= _clean(child, found)
    return changed


def _companion(node: Any) -> str | None:
    """The name of the companion that an element or attribute refers to; ``None`` if it refers to the picture."""
    if node.namespaceURI == _CAMERA:
        return "video of the moving photo" if node.localName.startswith(_MOVING) else None
    return _COMPANIONS.get(node.namespaceURI)
