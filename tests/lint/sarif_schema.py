"""What SARIF 2.1.0 (OASIS Standard, section 3) requires of the objects that are written, as a JSON schema.

Written by hand from the standard's property tables: nothing beyond what stands here may be written.
"""


def _object(required, **properties):
    return {"type": "object", "required": required.split(), "properties": properties, "additionalProperties": False}


def _list(items, least=0):
    return {"type": "array", "items": items, "minItems": least}


TEXT = {"type": "string"}
COUNT = {"type": "integer", "minimum": 1}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
MESSAGE = _object("text", text=TEXT, markdown=TEXT)
ARTIFACT = _object("uri", uri={"type": "string", "format": "uri-reference", "pattern": r"^[!-~]+$"})
REGION = _object("startLine", startLine=COUNT, startColumn=COUNT, endLine=COUNT, endColumn=COUNT)
LOCATION = _object(
    "physicalLocation",
    physicalLocation=_object("artifactLocation", artifactLocation=ARTIFACT, region=REGION),
    logicalLocations=_list(_object("name", name=TEXT, kind=TEXT)),
    message=MESSAGE,
)
RULE = _object(
    "id",
    id=TEXT,
    name=TEXT,
    shortDescription=MESSAGE,
    fullDescription=MESSAGE,
    help=MESSAGE,
    helpUri={"type": "string", "format": "uri"},
    defaultConfiguration=_object("", level=LEVEL),
)
FLOW = _object(
    "threadFlows", threadFlows=_list(_object("locations", locations=_list(_object("", location=LOCATION), 1)), 1)
)
REPLACEMENT = _object("deletedRegion", deletedRegion=REGION, insertedContent=_object("", text=TEXT))
FIX = _object(
    "artifactChanges",
    description=MESSAGE,
    artifactChanges=_list(
        _object("artifactLocation replacements", artifactLocation=ARTIFACT, replacements=_list(REPLACEMENT, 1)), 1
    ),
)
RESULT = _object(
    "message",
    ruleId=TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=LEVEL,
    message=MESSAGE,
    locations=_list(LOCATION),
    partialFingerprints={"type": "object", "additionalProperties": TEXT},
    codeFlows=_list(FLOW),
    fixes=_list(FIX),
)
DRIVER = _object("name", name=TEXT, version=TEXT, informationUri={"type": "string", "format": "uri"}, rules=_list(RULE))
RUN = _object(
    "tool",
    tool=_object("driver", driver=DRIVER),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    invocations=_list(_object("executionSuccessful", executionSuccessful={"type": "boolean"})),
    results=_list(RESULT),
)
LOG = _object(
    "version runs", version={"const": "2.1.0"}, runs=_list(RUN), **{"$schema": {"type": "string", "format": "uri"}}
)
