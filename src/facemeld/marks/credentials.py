"""Content credentials (C2PA): a signed manifest in the file that states what it is and what it was made from.

Source: C2PA technical specification 2.2, sections 10 (claims), 18.15 (ingredients) and 18.16 (actions).
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import c2pa

from facemeld.marks.authority import SigningIdentity, load_callback
from facemeld.marks.errors import SigningFailed, SigningUnavailable
from facemeld.marks.metadata import SOURCE_TYPE_BASE
from facemeld.marks.provenance import Ingredient, Provenance

_SETTINGS: dict[str, Any] = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_after_sign": False, "verify_after_reading": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}
_ALGORITHMS = {
    "es256": c2pa.C2paSigningAlg.ES256,
    "es384": c2pa.C2paSigningAlg.ES384,
    "es512": c2pa.C2paSigningAlg.ES512,
    "ps256": c2pa.C2paSigningAlg.PS256,
    "ps384": c2pa.C2paSigningAlg.PS384,
    "ps512": c2pa.C2paSigningAlg.PS512,
    "ed25519": c2pa.C2paSigningAlg.ED25519,
}

CARRIED: Mapping[str, str] = {
    "aigc-label": "an AI label (TC260 AIGC)",
    "source-type": "a digital source type that says synthetic",
    "manifest": "content credentials of its own",
    "invisible-mark": "this installation's invisible mark",
}
"""Names of the kinds of ``IncomingMark`` in an ingredient's description."""


class CredentialSigner:
    """Signs results with one identity; not thread-safe."""

    def __init__(self, identity: SigningIdentity) -> None:
        """Load certificate and key.

        Raises:
            SigningUnavailable: they cannot sign content credentials.
        """
        algorithm = _ALGORITHMS[identity.algorithm]
        try:
            if identity.callback:
                self._signer = c2pa.Signer.from_callback(load_callback(identity.callback), algorithm, identity.chain)
            else:
                info = c2pa.C2paSignerInfo(identity.algorithm.encode(), identity.chain.encode(), identity.key.encode(), None)
                self._signer = c2pa.Signer.from_info(info)
            self._context = c2pa.Context.from_dict(_SETTINGS)
        except c2pa.C2paError as error:
            raise SigningUnavailable(f"the signing certificate and key must fit content credentials, got: {error}") from error

    def sign(self, data: bytes, mime: str, provenance: Provenance) -> bytes:
        """Return the file with a signed manifest; any later change to the file breaks the signature.

        Args:
            data: JPEG, PNG or WebP.
            mime: its content type.
            provenance: the manifest's statement.

        Raises:
            SigningFailed: the file is damaged, or the key could not be used.
        """
        signed = io.BytesIO()
        try:
            builder = c2pa.Builder(manifest(provenance), context=self._context)
            builder.sign(self._signer, mime, io.BytesIO(data), signed)
        except c2pa.C2paError as error:
            raise SigningFailed(f"the result must be a sound file and its signing key at hand, got: {error}") from error
        return signed.getvalue()


def manifest(provenance: Provenance) -> dict[str, Any]:
    """Return the manifest's definition for the C2PA library."""
    agent = {"name": provenance.software, "version": f"{provenance.version} {provenance.engine}"}
    photos = [f"photo{number}" for number in range(1, len(provenance.photos) + 1)]
    ingredients = [_ingredient("Template", "template", provenance.template, "parentOf")]
    ingredients += [_ingredient("User photo", label, photo, "componentOf") for label, photo in zip(photos, provenance.photos, strict=True)]
    actions: list[dict[str, Any]] = [{"action": "c2pa.opened", "parameters": {"ingredientIds": ["template"]}}]
    actions += [{"action": "c2pa.placed", "softwareAgent": agent, "parameters": {"ingredientIds": [label]}} for label in photos]
    actions.append(
        {
            "action": "c2pa.edited",
            "description": "Face fusion",
            "when": provenance.when,
            "digitalSourceType": SOURCE_TYPE_BASE + provenance.source_type,
            "softwareAgent": agent,
        }
    )
    return {
        "claim_version": 2,
        "claim_generator_info": [{"name": provenance.software, "version": provenance.version}],
        "title": "Face fusion",
        "instance_id": f"urn:uuid:{provenance.produce_id}",
        "ingredients": ingredients,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions, "allActionsIncluded": True}}],
    }


def _ingredient(title: str, label: str, picture: Ingredient, relationship: str) -> dict[str, Any]:
    # RFC 6920: a name that contains only the hash.
    name = "ni:///sha-256;" + base64.urlsafe_b64encode(picture.digest).rstrip(b"=").decode()
    ingredient: dict[str, Any] = {"title": title, "label": label, "instance_id": name, "relationship": relationship}
    if picture.carried:
        # Its own manifest is not copied, because it may contain a thumbnail or the name of the person shown.
        ingredient["description"] = f"Came with {', '.join(CARRIED[kind] for kind in picture.carried)}"
        ingredient["metadata"] = {"facemeld.incoming": list(picture.carried)}
    return ingredient


@dataclass(frozen=True, slots=True)
class Credentials:
    """The content of a file's manifest, by any program.

    Attributes:
        state: ``Invalid`` (altered or damaged), ``Valid`` (unaltered, signer unknown) or ``Trusted`` (signer known).
        codes: Status codes of the validation by group: success, informational, failure.
        signer: Common name and organisation in the signer's certificate.
        time: Time of the signature according to a time-stamping authority; empty without one.
        when: Time of the last dated action according to the program; empty if no action is dated.
        generator: Name and version of the program that made the claim.
        title: The file's title.
        instance: The file's instance id.
        source_types: IPTC digital source types of the actions.
        actions: The actions, in order.
        ingredients: Title, relationship, instance id and description of each ingredient.
    """

    state: str
    codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    signer: str = ""
    time: str = ""
    when: str = ""
    generator: str = ""
    title: str = ""
    instance: str = ""
    source_types: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    ingredients: tuple[tuple[str, str, str, str], ...] = ()


def read_credentials(data: bytes, mime: str, anchors: str = "") -> Credentials | None:
    """Read and validate the manifest in a file, without any access to the network.

    Args:
        data: the file.
        mime: its content type.
        anchors: certificates in PEM that are trusted in addition to the C2PA library's.

    Returns:
        Its content, or None if the file has no manifest.
    """
    settings: dict[str, Any] = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True}}
    if anchors:
        settings["trust"] = {"user_anchors": anchors}
    try:
        with c2pa.Reader(mime, io.BytesIO(data), context=c2pa.Context.from_dict(settings)) as reader:
            store = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        return Credentials("Invalid", {"failure": (str(error)[:200],)})
    return _credentials(store)


def _credentials(store: Mapping[str, Any]) -> Credentials:
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    results = store.get("validation_results", {}).get("activeManifest", {})
    signature = active.get("signature_info", {})
    generator: Mapping[str, Any] = next(iter(active.get("claim_generator_info", [])), {})
    actions = list(_actions(active.get("assertions", [])))
    return Credentials(
        state=str(store.get("validation_state", "Invalid")),
        codes={group: tuple(one.get("code", "") for one in results.get(group, [])) for group in ("success", "informational", "failure")},
        signer=", ".join(filter(None, (signature.get("common_name"), signature.get("issuer")))),
        time=str(signature.get("time") or ""),
        when=max((str(action["when"]) for action in actions if action.get("when")), default=""),
        generator=" ".join(filter(None, (generator.get("name"), generator.get("version")))),
        title=str(active.get("title") or ""),
        instance=str(active.get("instance_id") or ""),
        source_types=tuple(dict.fromkeys(action["digitalSourceType"] for action in actions if action.get("digitalSourceType"))),
        actions=tuple(str(action.get("action", "")) for action in actions),
        ingredients=tuple(
            (_text(one, "title"), _text(one, "relationship"), _text(one, "instance_id"), _text(one, "description"))
            for one in active.get("ingredients", [])
        ),
    )


def _actions(assertions: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [
        action for one in assertions if str(one.get("label", "")).startswith("c2pa.actions") for action in one["data"].get("actions", [])
    ]


def _text(one: Mapping[str, Any], name: str) -> str:
    return str(one.get(name) or "")
