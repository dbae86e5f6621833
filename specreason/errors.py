"""Every error this project raises, in one tree. Each class says who may retry.

SpecReasonError
├── InputError              the user's input is wrong; never retried, exit code 2, HTTP 4xx
│   ├── InvalidField         one field, one line or one limit is wrong, and it is named
│   │   └── TooLarge         a body or file has more bytes than are taken
│   ├── NotFound             there is no such batch, job, file or key, or the API key may not see it; exit code 4
│   ├── KeyRefused           no API key was sent, or one that is unknown or revoked
│   ├── NotAllowed           the API key lacks the scope
│   └── Conflict             an idempotency key was used before, for something else; exit code 6
├── PermanentJobError        this job cannot succeed on any worker; the job becomes `failed`
│   └── PromptTooLong        the prompt leaves no room for thinking in the pair's context
├── TransientError           the machine misbehaved; the job may be tried again
│   ├── EngineDead           the engine is gone for good: the worker process must leave
│   ├── LeaseLost            another claim raised the fence: stop at once, write nothing
│   ├── StoreUnavailable     Postgres or the broker does not answer
│   │   └── BrokerUnavailable it is the broker
│   ├── LimitReached         a rate limit or a quota of queued jobs: the same succeeds later
│   ├── StillRunning         another request, or the reading of a file, has to end first
│   └── Unreachable          the API does not answer, or answers that it cannot now; exit code 7
├── TimedOut                 the user's patience ended before the jobs did; wait again, exit code 8
├── Detached                 the user stopped looking, by Ctrl-C; the work goes on, exit code 130
└── EmbeddedServerError      an embedded server cannot start; the operator must act

A model that misbehaves is data, not an exception: a verdict without a digit is a rejected step.
"""

from __future__ import annotations


class SpecReasonError(Exception):
    """Root of the tree. The message is one line that a user can act on."""


class InputError(SpecReasonError):
    """The user's input is wrong. Trying again without changing it gives the same answer."""


class InvalidField(InputError):
    """One field of a request, file or configuration is wrong.

    `field` is its path as the user wrote it, such as `config.threshold` or `line 7: problem`.
    """

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


class TooLarge(InvalidField):
    """A body or a file has more bytes than this deployment takes."""


class NotFound(InputError):
    """There is no such thing, or this API key may not see it."""


class KeyRefused(InputError):
    """No API key was sent, or one that is unknown or revoked."""


class NotAllowed(InputError):
    """The API key is good, and its scopes do not cover this; or no key is needed, and a page of another site asks."""


class Conflict(InputError):
    """The idempotency key was used before, for another submission."""


class PermanentJobError(SpecReasonError):
    """The job cannot succeed, whoever runs it: it ends `failed` with this message."""


class PromptTooLong(PermanentJobError):
    """The rendered prompt does not fit into the pair's context with room for an answer."""


class TransientError(SpecReasonError):
    """The machine misbehaved. The queue may try the job again."""


class EngineDead(TransientError):
    """An engine process is gone. The worker leaves its jobs to others and exits."""


class LeaseLost(TransientError):
    """The job's fence is no longer ours: someone else runs it, or it was cancelled."""


class StoreUnavailable(TransientError):
    """Postgres or the broker does not answer."""


class BrokerUnavailable(StoreUnavailable):
    """The broker does not answer. Nothing is lost: the leader announces again what was not sent."""


class LimitReached(TransientError):
    """A rate limit or a quota is used up. The same request succeeds once there is room again."""

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class StillRunning(TransientError):
    """Something else has to end first: the first request under this idempotency key, another submission of an owner
    with a quota, or the validation of a batch whose file is to be deleted. The same request succeeds soon."""


class Unreachable(TransientError):
    """The API does not answer, or says that it cannot at present."""


class TimedOut(SpecReasonError):
    """The time given for waiting is over. What was waited for goes on."""


class Detached(SpecReasonError):
    """The user stopped waiting. What was waited for goes on; the message says how to look again."""


class EmbeddedServerError(SpecReasonError):
    """An embedded Postgres or Valkey cannot start here. The message says what to do."""
