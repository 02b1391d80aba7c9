"""Every error that Slipway raises on purpose.

SlipwayError            what failed and why; `hint` says what to do next
├── SettingsError       a setting is missing or wrong
├── InputError          what the user gave cannot work; nothing was changed
│   └── QueryError      a search or a query has a mistake at a known place
├── NotFound            the named thing does not exist
├── Conflict            it exists already, or is busy with something else
├── PlanRefused         a plan was not confirmed, or is not the one that was confirmed
├── NotAllowed          the role of the person who acts is too low
│   └── SessionExpired  the sign-in is too old
├── AuditUnavailable    the audit record could not be written, so nothing was done
├── StackFailed         CloudFormation gave up; names the first resource that failed
├── ExecutionFailed     a state machine's run ended badly
├── EmbeddedError       the embedded cloud could not start, stop or do something
└── AwsError            AWS refused a call; `code` and `operation` as AWS names them
    ├── AccessDenied    the role lacks an action
    ├── NoCredentials   none found
    ├── ExpiredCredentials
    ├── Throttled       still throttled after all retries
    └── Unreachable     no network, or no such endpoint
"""


class SlipwayError(Exception):
    """Something that failed, in words for the person who asked for it.

    `str(error)` says what failed and why, `hint` what to do next, `detail` is the raw message, if any.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


class SettingsError(SlipwayError):
    """A setting is missing or wrong."""


class InputError(SlipwayError):
    """What the user gave cannot work; nothing was changed. `field` names the input."""

    def __init__(self, message: str, *, field: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.field = field


class QueryError(InputError):
    """A mistake in a search or in SQL; `line` and `column` count from 1, `text` is the whole query."""

    def __init__(self, message: str, *, text: str, line: int = 1, column: int = 1, hint: str = "") -> None:
        super().__init__(message, field="query", hint=hint)
        self.text = text
        self.line = line
        self.column = column

    @property
    def marked(self) -> str:
        """The line with the mistake, and a caret below its place."""
        lines = self.text.splitlines() or [""]
        return f"{lines[self.line - 1]}\n{' ' * (self.column - 1)}^"


class NotFound(SlipwayError):
    """The named thing does not exist."""


class Conflict(SlipwayError):
    """It exists already, or is busy with something else."""


class PlanRefused(SlipwayError):
    """A plan was not confirmed, or is not the one that was confirmed."""


class NotAllowed(SlipwayError):
    """The role of the person who acts is too low; nothing was changed."""


class SessionExpired(NotAllowed):
    """The sign-in is too old."""


class AuditUnavailable(SlipwayError):
    """The audit record could not be written, so nothing was done."""


class StackFailed(SlipwayError):
    """CloudFormation gave up on a stack; `resource` is the first that failed."""

    def __init__(self, message: str, *, resource: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.resource = resource


class ExecutionFailed(SlipwayError):
    """A state machine's run ended badly."""


class EmbeddedError(SlipwayError):
    """The embedded cloud could not start, stop or do something."""


class AwsError(SlipwayError):
    """AWS refused a call; `code` and `operation` as AWS names them."""

    def __init__(
        self, message: str, *, code: str = "", operation: str = "", hint: str = "", detail: str = ""
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.code = code
        self.operation = operation


class AccessDenied(AwsError):
    """The role in use lacks an action."""


class NoCredentials(AwsError):
    """No AWS credentials were found."""


class ExpiredCredentials(AwsError):
    """The AWS credentials have expired or were revoked."""


class Throttled(AwsError):
    """AWS still throttled the call after all retries."""


class Unreachable(AwsError):
    """No network, or no such endpoint."""
