"""How a release is fitted; every value can be set in YAML and is searched or left alone by the tuner."""

from pydantic import BaseModel, ConfigDict, Field


class LinearSettings(BaseModel):
    """The pooled ridge regression that does most of the work."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    penalties: tuple[float, ...] = Field(
        default=(0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0),
        min_length=1,
        description="Ridge penalties to choose from, for rows of mean weight 1; the choice leaves out a block of time",
    )
    blocks: int = Field(default=5, ge=2, le=20, description="Blocks of time for leave-one-block-out")
    long_blocks: int = Field(
        default=10,
        ge=2,
        le=20,
        description="... of a history that is long enough for the season: leaving out half a year would hide a season",
    )
    passes: int = Field(
        default=4,
        ge=1,
        le=10,
        description="Fits of the linear member: each lowers the weight of the rows that the one before missed",
    )
    robust_share: float = Field(
        default=0.7, gt=0, description="Rows that are missed by more than this share of the median lose weight"
    )
    least_spread: float = Field(
        default=0.01, gt=0, description="Day-to-day change, as a share of the scale, below which rows weigh the same"
    )
    rows_per_feature: float = Field(
        default=20,
        ge=0,
        description="With fewer rows per feature and hour of the day, an hour may learn from its neighbours too: "
        "whether it does, and from how many, is what forecasts blocks of time left out best",
    )
    annual_from_days: int = Field(
        default=400, ge=366, description="Days of history from which the season is among the features"
    )
    max_rows: int = Field(
        default=600_000, ge=1_000, description="Rows (series and origin) at most; a random choice of them bounds memory"
    )

    def blocks_of(self, hours: int) -> int:
        """Blocks of time that a history of so many hours is cut into."""
        return self.long_blocks if hours >= self.annual_from_days * 24 else self.blocks


class TreeSettings(BaseModel):
    """The LightGBM that corrects the linear member."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trees: int = Field(default=60, ge=0, le=2_000, description="Trees; more than a few hundred hurt short data")
    leaves: int = Field(default=31, ge=2, le=255, description="Leaves of a tree at most")
    max_depth: int = Field(default=5, ge=1, le=16, description="Depth of a tree at most")
    learning_rate: float = Field(default=0.1, gt=0, le=1, description="Share of each tree's step that is taken")
    feature_fraction: float = Field(default=0.6, gt=0, le=1, description="Share of the features that a tree sees")
    bagging_fraction: float = Field(default=0.8, gt=0, le=1, description="Share of the rows that a tree sees")
    lambda_l2: float = Field(default=1.0, ge=0, description="Shrinkage of leaf values")
    max_bin: int = Field(default=127, ge=15, le=255, description="Bins of a feature")
    min_data_divisor: float = Field(
        default=400, gt=0, description="A leaf holds at least rows / this, within 20 and 1000"
    )
    rows: int = Field(default=100_000, ge=1_000, description="Rows (series and origin) at most, chosen at random")
    size_power: float = Field(
        default=0.25,
        ge=0,
        le=1,
        description="Rows count by their series' size to this power: 0 learns for the mean of the series' own WAPE, "
        "1 for the WAPE of all together",
    )
    leads_per_row: int = Field(
        default=4,
        ge=1,
        le=24,
        description="Leads of each row, chosen at random; more of them where there are fewer than `rows`",
    )


class BandSettings(BaseModel):
    """The 10 and 90 % quantiles."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trees: int = Field(default=40, ge=1, le=500, description="Trees of the spread model")
    leaves: int = Field(default=15, ge=2, le=63, description="Leaves of a tree at most")
    days: float = Field(
        default=365,
        gt=0,
        description="Days of errors to learn from: the newest blocks of time that reach back so far",
    )


class ModelSettings(BaseModel):
    """Everything that decides, with the data and the seed, what a release is."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    screen: bool = Field(default=True, description="Whether implausible values are set aside before anything else")
    least_history_h: int = Field(default=336, ge=192, description="Hours of history that a fit needs at least")
    linear: LinearSettings = Field(default_factory=LinearSettings, description="The linear member")
    trees: TreeSettings = Field(default_factory=TreeSettings, description="The correction")
    bands: BandSettings = Field(default_factory=BandSettings, description="The quantiles")
