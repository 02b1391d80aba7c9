"""All errors that Slipway raises on purpose.

SlipwayError            what failed and why; `hint` is what to do next
├── SettingsError       a setting is missing or invalid
├── InputError          invalid input; nothing was changed
│   └── QueryError      a syntax error in a search or in SQL, with its position
├── NotFound            the resource does not exist
├── Conflict            the resource already exists or is in use by another operation
├── PlanRefused         the plan was not confirmed, or differs from the confirmed one
├── NotAllowed          the user's role does not permit the operation
│   └── SessionExpired  the sign-in session is too old
├── AuditUnavailable    the audit record could not be written, so nothing was changed
├── StackFailed         a stack operation failed; names the first resource that failed
├── ExecutionFailed     a state machine execution failed
├── EmbeddedError       the embedded cloud could not start, stop, or perform a call
└── AwsError            AWS returned an error; `code` and `operation` are AWS's names
    ├── AccessDenied    the role lacks an IAM action
    ├── NoCredentials   no credentials found
    ├── ExpiredCredentials
    ├── Throttled       throttled even after all retries
    └── Unreachable     no network connection, or no such endpoint
"""


class SlipwayError(Exception):
    """An error whose message is written for the user.

    `str(error)` is what failed and why, `hint` what to do next, and `detail` the service's raw message, if
    any.
    """

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.detail = detail


class SettingsError(SlipwayError):
    """A setting is missing or invalid."""


class InputError(SlipwayError):
    """Invalid input; nothing was changed. `field` names the input."""

    def __init__(self, message: str, *, field: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.field = field


class QueryError(InputError):
    """A syntax error in a search or in SQL. `line` and `column` start at 1; `text` is the whole query."""

    def __init__(self, message: str, *, text: str, line: int = 1, column: int = 1, hint: str = "") -> None:
        super().__init__(message, field="query", hint=hint)
        self.text = text
        self.line = line
        self.column = column

    @property
    def marked(self) -> str:
        """The line with the error, and a caret below its position."""
        lines = self.text.splitlines() or [""]
        return f"{lines[self.line - 1]}\n{' ' * (self.column - 1)}^"


class NotFound(SlipwayError):
    """The resource does not exist."""


class Conflict(SlipwayError):
    """The resource already exists or is in use by another operation."""


class PlanRefused(SlipwayError):
    """The plan was not confirmed, or differs from the confirmed one."""


class NotAllowed(SlipwayError):
    """The user's role does not permit the operation; nothing was changed."""


class SessionExpired(NotAllowed):
    """The sign-in session is older than the setting `session_hours` allows."""


class AuditUnavailable(SlipwayError):
    """The audit record could not be written, so nothing was changed."""


class StackFailed(SlipwayError):
    """A stack operation failed; `resource` is the first resource that failed."""

    def __init__(self, message: str, *, resource: str = "", hint: str = "", detail: str = "") -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.resource = resource


class ExecutionFailed(SlipwayError):
    """A state machine execution failed."""


class EmbeddedError(SlipwayError):
    """The embedded cloud could not start, stop, or perform a call."""


class AwsError(SlipwayError):
    """AWS returned an error; `code` and `operation` are AWS's names."""

    def __init__(
        self, message: str, *, code: str = "", operation: str = "", hint: str = "", detail: str = ""
    ) -> None:
        super().__init__(message, hint=hint, detail=detail)
        self.code = code
        self.operation = operation


class AccessDenied(AwsError):
    """The role in use lacks an IAM action."""


class NoCredentials(AwsError):
    """No AWS credentials were found."""


class ExpiredCredentials(AwsError):
    """The AWS credentials have expired or were revoked."""


class Throttled(AwsError):
    """AWS throttled the call even after all retries."""


class Unreachable(AwsError):
    """No network connection, or no such endpoint."""
