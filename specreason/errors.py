"""Every error that this project raises, in one tree. Each class says whether a retry can help.

SpecReasonError
├── InputError              the user's input is wrong; never retried, exit code 2, HTTP 4xx
│   ├── InvalidField         one field, line or limit is wrong; the message names it
│   │   └── TooLarge         a body or file has more bytes than allowed
│   ├── GraderUnusable       a grader is installed, but cannot be loaded on this machine
│   ├── ExtraMissing         an optional library is not installed; the message names the extra that brings it
│   ├── DoesNotFit           a pair needs more memory than these cards or this machine have; `plan` exits with 3
│   ├── NotFound             there is no such batch, job, file or key, or the API key may not see it; exit code 4
│   ├── KeyRefused           the API key is missing, unknown or revoked
│   ├── NotAllowed           the API key lacks the scope
│   └── Conflict             an idempotency key was used before, for something else; exit code 6
├── PermanentJobError        this job cannot succeed on any worker; the job becomes `failed`
│   └── PromptTooLong        the prompt leaves no room for thinking in the pair's context
├── TransientError           the machine misbehaved; the job may be tried again
│   ├── EngineDead           the engine is gone for good; the worker process must exit
│   ├── LeaseLost            another claim raised the fence; stop at once and write nothing
│   ├── StoreUnavailable     Postgres or the broker does not answer
│   │   └── BrokerUnavailable the broker does not answer
│   ├── NoWorker             no live worker holds the pair; the same request succeeds once one does
│   ├── ShuttingDown         this API process is being ended; the next one takes the same request
│   ├── LimitReached         a rate limit or a quota of queued jobs is used up; the same request succeeds later
│   ├── StillRunning         another request or the validation of a file has to end first
│   └── Unreachable          the API does not answer, or is unavailable; exit code 7
│       └── NotConnected     no connection came about: the API has received nothing
├── TimedOut                 the time to wait ended before the jobs did; wait again; exit code 8
├── Detached                 the user stopped waiting with Ctrl-C; the jobs go on; exit code 130
│   └── Stopped              SIGTERM ended the waiting; exit code 143
└── EmbeddedServerError      an embedded server cannot start; the operator must act

A model that misbehaves is data, not an exception: a verdict without a digit is a rejected step.
"""

from __future__ import annotations


class SpecReasonError(Exception):
    """Root of the tree. The message is one line that a user can act on."""


class InputError(SpecReasonError):
    """The user's input is wrong. A retry without a change fails again."""


class InvalidField(InputError):
    """One field of a request, file or configuration is wrong.

    `field` is its path as the user writes it, such as `config.threshold` or `line 7: problem`.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class TooLarge(InvalidField):
    """A body or a file has more bytes than this deployment allows."""


class GraderUnusable(InputError):
    """The grader is installed, but cannot be loaded here, or does not start. The message says why."""


class ExtraMissing(InputError):
    """A library of an extra of this project is not installed here."""

    def __init__(self, library: str, extra: str = "analysis") -> None:
        super().__init__(f"{library} is not installed: pip install 'specreason[{extra}]' brings it")


class DoesNotFit(InputError):
    """The pair needs more memory, or more cards, than there are. The message says what is missing and what helps."""


class NotFound(InputError):
    """The batch, job, file or key does not exist, or this API key may not see it."""


class KeyRefused(InputError):
    """The API key is missing, unknown or revoked."""


class NotAllowed(InputError):
    """The scopes of the API key do not cover this; or keys are off, and a page of another site sends the request."""


class Conflict(InputError):
    """The idempotency key was used before, for another submission."""


class PermanentJobError(SpecReasonError):
    """The job cannot succeed on any worker. It ends `failed` with this message."""


class PromptTooLong(PermanentJobError):
    """The rendered prompt does not fit into the pair's context with room for an answer.

    Its message contains SAYS, by which a stored one is told from other errors.
    """

    SAYS = "the prompt has "


class TransientError(SpecReasonError):
    """The machine misbehaved. The queue may try the job again."""


class EngineDead(TransientError):
    """An engine process is gone. The worker leaves its jobs to other workers and exits."""


class LeaseLost(TransientError):
    """This claim no longer has the job's fence: another worker claimed the job, or it was cancelled."""


class StoreUnavailable(TransientError):
    """Postgres or the broker does not answer."""


class BrokerUnavailable(StoreUnavailable):
    """The broker does not answer, or not with what it was asked for. Nothing is lost: the leader announces again.

    `code` is the word with which Redis begins its refusal, such as READONLY or OOM; empty without one.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class NoWorker(TransientError):
    """No live worker holds the pair, and the request would not wait for one."""


class ShuttingDown(TransientError):
    """This API process is being ended before the request has its answer."""


class LimitReached(TransientError):
    """A rate limit or a quota is used up. The same request succeeds once there is room again."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StillRunning(TransientError):
    """Something else has to end first; the same request succeeds soon.

    It is the first request under this idempotency key, another submission of an owner with a quota, or the validation
    of a batch whose file is to be deleted.
    """


class Unreachable(TransientError):
    """The API does not answer, or answers that it is unavailable."""


class NotConnected(Unreachable):
    """No connection to the API came about, at any try: it has received nothing of the request."""


class TimedOut(SpecReasonError):
    """The time to wait is over. What is stored goes on; the message says if a submission may not be."""


class Detached(SpecReasonError):
    """The user stopped waiting. The jobs go on; the message says how to follow them again."""


class Stopped(Detached):
    """SIGTERM ended the waiting."""


class EmbeddedServerError(SpecReasonError):
    """An embedded Postgres or Valkey cannot start here. The message says what to do."""
