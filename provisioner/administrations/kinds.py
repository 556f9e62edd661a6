"""The closed lists of words that describe an administration."""

from enum import StrEnum


class Kind(StrEnum):
    """What an administration is. An arrondissement is a part of a commune, never one of the communes."""

    REGION = "region"
    PREFECTURE = "prefecture"
    PROVINCE = "province"
    COMMUNE = "commune"
    ARRONDISSEMENT = "arrondissement"
    GROUPING = "grouping"
    MINISTRY = "ministry"
    DECONCENTRATED_SERVICE = "deconcentrated_service"
    ESTABLISHMENT = "establishment"
    PUBLIC_ENTERPRISE = "public_enterprise"
    CONSTITUTIONAL_BODY = "constitutional_body"
    UNIVERSITY = "university"
    OTHER = "other"


class Language(StrEnum):
    ARABIC = "ar"
    FRENCH = "fr"
    ENGLISH = "en"
    AMAZIGH = "zgh"


class NameType(StrEnum):
    OFFICIAL = "official"
    SHORT = "short"
    ALIAS = "alias"
