"""`dayahead up`, `down`, `status`, `clean` and `servers`: the local stack from the command line."""

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of the local stack to the command line."""

    @app.command()
    def servers() -> None:
        """Start the servers alone (TimescaleDB, Redis, Kafka, Prometheus, Alertmanager), for developing a service."""
        from deploy.up import Up, open_stack  # noqa: PLC0415 - `dayahead --help` stays quick

        Up(open_stack()).servers_only()

    @app.command()
    def down() -> None:
        """Stop the services, then the servers; data stays."""
        from deploy.up import open_stack, stop  # noqa: PLC0415

        stop(open_stack())

    @app.command()
    def clean(
        everything: bool = typer.Option(False, help="Also the built Debian tree and the Kafka jars"),
    ) -> None:
        """Stop everything and delete the data of the local stack."""
        from deploy.up import forget, open_stack  # noqa: PLC0415

        forget(open_stack(), everything=everything)
