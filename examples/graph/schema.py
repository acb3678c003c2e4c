"""The GraphQL schema of the example: projects with tasks, filters that nest, and a search over both."""

import itertools
from enum import Enum
from typing import Annotated, NewType

import strawberry
from graphql import GraphQLError
from strawberry.schema.config import StrawberryConfig

Labels = NewType("Labels", object)


@strawberry.enum
class State(Enum):
    """Where a task stands."""

    OPEN = "open"
    DONE = "done"


@strawberry.type(description="Something to be done.")
class Task:
    """A task."""

    id: strawberry.ID
    title: str
    state: State
    estimate: float | None
    labels: Labels | None
    project_id: strawberry.Private[str]

    @strawberry.field(description="The project that it belongs to.")
    def project(self) -> "Project":
        """Its project."""
        return STORE.projects[self.project_id]


@strawberry.type
class PageInfo:
    """Where a page ends."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class TaskEdge:
    """A task in a page."""

    cursor: str
    node: Task


@strawberry.type
class TaskConnection:
    """A page of tasks."""

    edges: list[TaskEdge]
    page_info: PageInfo
    total_count: int


@strawberry.type(description="A group of tasks.")
class Project:
    """A project."""

    id: strawberry.ID
    name: str

    @strawberry.field
    def tasks(self, first: int = 20) -> TaskConnection:
        """Its tasks."""
        return page([task for task in STORE.tasks.values() if task.project_id == self.id], first, None)


@strawberry.input(description="Which tasks. All that is given must hold.")
class TaskFilter:
    """A filter; `any_of` and `not_` nest."""

    state: State | None = None
    title_contains: str | None = None
    any_of: "list[TaskFilter] | None" = None
    not_: Annotated["TaskFilter | None", strawberry.argument()] = strawberry.field(name="not", default=None)

    def matches(self, task: Task) -> bool:
        """Whether a task passes."""
        return (
            (self.state is None or task.state == self.state)
            and (self.title_contains is None or self.title_contains in task.title)
            and (not self.any_of or any(each.matches(task) for each in self.any_of))
            and (self.not_ is None or not self.not_.matches(task))
        )


@strawberry.input
class NewTask:
    """What a new task needs."""

    title: str
    project: strawberry.ID
    state: State = State.OPEN
    labels: Labels | None = None


Found = Annotated[Task | Project, strawberry.union("Found", description="A task or a project.")]


class Store:
    """What there is, in memory."""

    def __init__(self) -> None:
        self.numbers = itertools.count(1)
        self.projects = {
            number: Project(id=strawberry.ID(number), name=f"Project {number}") for number in "12"
        }
        self.tasks: dict[str, Task] = {}
        for title, state in (
            ("Write the plan", State.DONE),
            ("Build it", State.OPEN),
            ("Show it", State.OPEN),
        ):
            self.add(title, "1", state, None)

    def add(self, title: str, project: str, state: State, labels: Labels | None) -> Task:
        """Keep a new task."""
        number = f"t{next(self.numbers)}"
        self.tasks[number] = Task(
            id=strawberry.ID(number),
            title=title,
            state=state,
            estimate=1.5,
            labels=labels,
            project_id=project,
        )
        return self.tasks[number]


STORE = Store()


def page(tasks: list[Task], first: int, after: str | None) -> TaskConnection:
    """A page of these tasks, beginning after a cursor."""
    start = next((place + 1 for place, task in enumerate(tasks) if task.id == after), 0)
    chosen = tasks[start : start + first]
    return TaskConnection(
        edges=[TaskEdge(cursor=task.id, node=task) for task in chosen],
        page_info=PageInfo(
            has_next_page=start + first < len(tasks), end_cursor=chosen[-1].id if chosen else None
        ),
        total_count=len(tasks),
    )


@strawberry.type
class Query:
    """What can be read."""

    @strawberry.field(description="Tasks, a page at a time.")
    def tasks(
        self,
        filter: TaskFilter | None = None,  # noqa: A002  the argument's name
        first: int = 20,
        after: str | None = None,
    ) -> TaskConnection:
        """Tasks that pass a filter."""
        return page(
            [task for task in STORE.tasks.values() if not filter or filter.matches(task)], first, after
        )

    @strawberry.field(description="One task.")
    def task(self, id: strawberry.ID) -> Task | None:  # noqa: A002  the field's name
        """One task, or nothing."""
        return STORE.tasks.get(id)

    @strawberry.field(description="Tasks and projects whose text contains a word.")
    def search(self, text: str) -> list[Found]:
        """Both kinds of things."""
        tasks = [task for task in STORE.tasks.values() if text in task.title]
        return [*tasks, *(project for project in STORE.projects.values() if text in project.name)]

    @strawberry.field(description="The version of this service.")
    def version(self) -> str:
        """A scalar without arguments."""
        return "1.0"

    @strawberry.field(description="Always fails, to show how errors arrive.")
    def broken(self) -> str | None:
        """An error beside data."""
        raise GraphQLError("This field is broken on purpose.")


@strawberry.type
class Mutation:
    """What can be changed."""

    @strawberry.mutation(description="Add a task.")
    def create_task(self, task: NewTask) -> Task:
        """A new task."""
        if task.project not in STORE.projects:
            raise GraphQLError("There is no such project.")
        return STORE.add(task.title, task.project, task.state, task.labels)

    @strawberry.mutation(description="Delete a task for good.")
    def delete_task(self, id: strawberry.ID) -> bool:  # noqa: A002  the field's name
        """Whether there was such a task."""
        return STORE.tasks.pop(id, None) is not None


SCHEMA = strawberry.Schema(
    query=Query,
    mutation=Mutation,
    config=StrawberryConfig(
        scalar_map={
            Labels: strawberry.scalar(
                name="Labels", description="Any JSON.", serialize=lambda v: v, parse_value=lambda v: v
            )
        }
    ),
)
