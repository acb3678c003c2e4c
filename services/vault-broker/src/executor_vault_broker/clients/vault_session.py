"""Requests to Vault: off the loop, bounded in number and time, always with a token that lives."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import hvac
import structlog
from hvac import exceptions
from hvac.adapters import JSONAdapter

from executor_shared.clock import Clock
from executor_shared.errors import ExecutorError
from executor_vault_broker.clients.vault_errors import LOGIN_REFUSED, REDIRECTED, told, unavailable
from executor_vault_broker.clients.vault_login import Login, Token, renew

_log: structlog.stdlib.BoundLogger = structlog.get_logger("executor.vault_broker")
_RENEW_AT = 0.5
_LOGIN_EVERY = 5.0
_OVERALL = 1.5

T = TypeVar("T")


def _redirected(status: object) -> bool:
    return isinstance(status, int) and 300 <= status < 400  # noqa: PLR2004 - the class of redirects


class _Adapter(JSONAdapter):
    """hvac's, but a redirect is a failure: following it would carry the token elsewhere."""

    def request(self, *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401 - hvac's own signature
        answer: object = super().request(*args, **kwargs)
        if _redirected(getattr(answer, "status_code", None)):
            raise _RedirectedError
        return answer


class _RedirectedError(Exception):
    """Vault answered with a redirect."""


def _looked_up(client: hvac.Client) -> object:
    return client.auth.token.lookup_self()


class VaultSession:
    """One client, its threads and its token."""

    def __init__(
        self,
        client: hvac.Client,
        login: Login,
        *,
        pool: ThreadPoolExecutor,
        threads: int,
        seconds: float,
        clock: Clock,
    ) -> None:
        """Use `open`."""
        self._client = client
        self._login = login
        self._pool = pool
        self._seconds = seconds
        self._clock = clock
        self._room = asyncio.Semaphore(threads)
        self._turn = asyncio.Lock()
        self._token: Token | None = None
        self._since = 0.0

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        *,
        address: str,
        namespace: str | None,
        ca_file: str | None,
        login: Login,
        seconds: float,
        threads: int,
        clock: Clock,
    ) -> "AsyncGenerator[VaultSession]":
        """A session; nothing is sent before the first use.

        Args:
            address: base address of Vault.
            namespace: of Vault Enterprise or OpenBao.
            ca_file: certificates to trust besides the system's.
            login: how to get a token.
            seconds: for one request, at most 3.
            threads: requests at once, at most 10 (what the client keeps connections for).
            clock: for the token's life.

        """
        client = hvac.Client(
            url=address,
            token="",
            namespace=namespace,
            verify=ca_file or True,
            timeout=cast("int", seconds),  # requests takes fractions
            allow_redirects=False,
            adapter=_Adapter,
        )
        client.session.trust_env = False  # no proxy and no .netrc of the environment sees the token
        pool = ThreadPoolExecutor(threads, thread_name_prefix="vault")
        try:
            yield cls(client, login, pool=pool, threads=threads, seconds=seconds, clock=clock)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            client.session.close()

    async def call(self, work: Callable[[hvac.Client], T]) -> T:
        """Run `work` with a living token; where Vault refuses the token, log in once more.

        Raises:
            CredentialUnavailableError: Vault cannot be used.
            hvac.exceptions.InvalidPath: it answered that nothing is there.
            hvac.exceptions.InvalidRequest: it answered that the request is wrong.

        """
        try:
            async with asyncio.timeout(self._seconds * _OVERALL):
                await self.keep_alive()
                try:
                    return await self._run(work)
                except exceptions.Forbidden:
                    if not await self._logged_in_again():
                        raise
                    return await self._run(work)
        except (exceptions.InvalidPath, exceptions.InvalidRequest, ExecutorError):
            raise
        except _RedirectedError as error:
            raise unavailable(REDIRECTED) from error
        except (exceptions.VaultError, OSError, ValueError, KeyError) as error:
            raise told(error) from error

    async def keep_alive(self) -> None:
        """Log in where there is no token; renew one that is past half of its life."""
        if not self._due():
            return
        async with self._turn:
            if not self._due():
                return
            token = self._token
            if token is None or not (token.renewable and await self._renewed(token)):
                await self._log_in()

    async def _renewed(self, old: Token) -> bool:
        """Whether the token lives on; False where a new login is better."""
        try:
            new = await self._run(renew)
        except (exceptions.Forbidden, exceptions.InvalidRequest) as error:
            _log.warning("vault.not_renewed", error=type(error).__name__)
            if not self._login.again:  # it is good for the rest of its life
                self._take(Token(0.0, renewable=False))
            return not self._login.again
        if self._login.again and new.seconds < old.seconds * _RENEW_AT:
            return False  # near the end of what the role allows
        self._take(new)
        return True

    async def _log_in(self) -> None:
        try:
            self._take(await self._run(self._login))
        except exceptions.InvalidRequest as error:
            raise unavailable(LOGIN_REFUSED) from error

    async def ping(self) -> None:
        """Whether Vault answers and takes our token.

        Raises:
            CredentialUnavailableError: it does not.

        """
        await self.call(_looked_up)

    async def _logged_in_again(self) -> bool:
        """Whether there is a new token; a policy that refuses must not lead to a login with every request."""
        since = self._since
        if not self._login.again:
            return False
        async with self._turn:
            if self._since != since:
                return True
            if self._clock.now() - since < _LOGIN_EVERY:
                return False
            await self._log_in()
            return True

    def _take(self, token: Token) -> None:
        self._token, self._since = token, self._clock.now()

    def _due(self) -> bool:
        token = self._token
        if token is None:
            return True
        half = self._since + token.seconds * _RENEW_AT
        return token.seconds > 0 and (token.renewable or self._login.again) and self._clock.now() >= half

    async def _run(self, work: Callable[[hvac.Client], T]) -> T:
        await self._room.acquire()
        job = self._pool.submit(work, self._client)
        job.add_done_callback(self._released(asyncio.get_running_loop()))
        return await asyncio.wait_for(asyncio.wrap_future(job), self._seconds)

    def _released(self, loop: asyncio.AbstractEventLoop) -> Callable[[object], None]:
        """A place is free when the thread is, not when its caller has stopped waiting."""

        def release(_job: object) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._room.release)

        return release
