"""Google's error bodies (google.rpc.Status in JSON), shared by REST and gRPC."""

from typing import Any

from tests.fakes.scenario import RETRY_AFTER_S

BAD_KEY = "bad"

_TYPE = "type.googleapis.com/google.rpc."
_ERRORS = {
    "bad_key": (400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."),
    "bad_request": (400, "INVALID_ARGUMENT", "Request contains an invalid argument."),
    "rate_limited": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    "quota": (429, "RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    "throttled": (429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
    "busy": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "internal": (500, "INTERNAL", "An internal error has occurred. Please retry."),
    "unavailable": (503, "UNAVAILABLE", "The model is overloaded. Please try again later."),
    "timeout504": (504, "DEADLINE_EXCEEDED", "The request timed out. Please try again."),
}


def gemini_error(fault: str, model: str = "", version: str = "v1beta") -> dict[str, Any]:
    """The body of an error, with the details Google sends along."""
    missing = (
        404,
        "NOT_FOUND",
        f"models/{model} is not found for API version {version}, or is not supported for "
        "generateContent. Call ListModels to see the list of available models.",
    )
    code, status, message = _ERRORS.get(fault, missing)
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    details = _details(fault, model)
    return {"error": error | ({"details": details} if details else {})}


def _details(fault: str, model: str) -> list[dict[str, Any]]:
    if fault == "bad_key":
        service = {"service": "generativelanguage.googleapis.com"}
        info = {"reason": "API_KEY_INVALID", "domain": "googleapis.com", "metadata": service}
        return [{"@type": _TYPE + "ErrorInfo", **info}]
    if fault not in RETRY_AFTER_S:
        return []
    retry = {"@type": _TYPE + "RetryInfo", "retryDelay": f"{RETRY_AFTER_S[fault]}s"}
    if fault not in ("rate_limited", "quota"):
        return [retry]
    period, value = ("Day", "500") if fault == "quota" else ("Minute", "15")
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": f"GenerateRequestsPer{period}PerProjectPerModel-FreeTier",
        "quotaDimensions": {"location": "global", "model": model},
        "quotaValue": value,
    }
    return [
        {"@type": _TYPE + "QuotaFailure", "violations": [violation]},
        retry,
    ]
