"""receiver_token: makes a token by which a system calls our services, and prints it this once."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from alumnisync.command import Answer, AnsweringCommand, Failure, refuse_old_database
from connectors.models import Connection
from connectors.receiving.tokens import make_token
from connectors.records import NeedsAttention
from mappings.setup.sections import did_you_mean

MADE_BY = "the command line"


class Command(AnsweringCommand):
    help = "Makes a token for a club (or another place) of a connection that calls us. It is printed this once only."

    def add_own_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME", help="the connection's name")
        parser.add_argument("place", metavar="CLUB", help="the club's id, as it stands in the connection's settings")

    def answer(self, **options: Any) -> Answer:
        refuse_old_database()
        name, place = options["name"], options["place"]
        connection = Connection.objects.defer("secrets").filter(name=name).first()
        if connection is None:
            names = Connection.objects.values_list("name", flat=True)
            raise Failure(f"There is no connection “{name}”{did_you_mean(name, names)}")
        try:
            token = make_token(connection, place, by=MADE_BY)
        except NeedsAttention as error:
            raise Failure(error.message) from error
        said = f"The token of {place} of {connection}. It is shown this once; only its hash is kept:"
        return Answer({"connection": connection.name, "place": place, "token": token}, [said, token])
