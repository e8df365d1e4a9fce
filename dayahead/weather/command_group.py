"""The group of commands `dayahead weather`; each service adds its own commands to it."""

import typer

weather = typer.Typer(
    help="Weather: register, list and show weather sources, backfill archived runs, choose locations.",
    no_args_is_help=True,
)
