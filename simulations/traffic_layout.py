"""Names for the rows of the arrays that hold a world of traffic, and the constants of its physics.

One world is four arrays, so that a kernel takes few arguments and a batch of worlds is the same
arrays with a leading axis: `cars` and `world` (float64), `lanes` (uint32: numba indexes faster
where it knows that no index is negative) and `clock` (int64). Car 0 is the ego. Positions are of
a car's middle, wrapped to [0, ring length); lane 0 is the rightmost.
"""

from typing import TypeAlias

import numpy as np
from jaxtyping import Float, Int, UInt32

Cars: TypeAlias = Float[np.ndarray, "car_row vehicle"]
Lanes: TypeAlias = UInt32[np.ndarray, "lane_row vehicle"]
World: TypeAlias = Float[np.ndarray, " world_row"]
Clock: TypeAlias = Int[np.ndarray, " clock_row"]
Settings: TypeAlias = Float[np.ndarray, " setting"]

EGO = 0

# cars: what moves
X = 0  # [m]
SPEED = 1  # [m/s]
ACCEL = 2  # [m/s2], behind the actuator lag
IDEAL = 3  # [m/s2], what the driver model asks for, without perception error
NEXT_ACCEL = 4  # [m/s2], scratch of one sub-step
ERROR = 5  # [1], perception error, an AR(1) process of unit variance
CHANGE_TIME = 6  # [s] since the lane change began; LANE_CHANGE_TIME or more: none under way
# cars: who drives
HALF_LENGTH = 7  # [m]
DESIRED_SPEED = 8  # v0 [m/s]
TIME_GAP = 9  # T [s]
STANDSTILL_GAP = 10  # s0 [m]
MAX_ACCEL = 11  # a [m/s2]
BRAKE_ROOT = 12  # 2 sqrt(a b) [m/s2]
ERROR_SCALE = 13  # [m/s2] SD of the acceleration error
POLITENESS = 14  # p [1]
# cars: between them, renewed every sub-step
GAP = 15  # [m] to the leader, bumper to bumper
CLOSING = 16  # [m/s] own speed minus the leader's
KICK = 17  # [1] innovation of the perception error, in (0, 1)
BRAKING = 18  # [m/s2] the part of the driver model's answer that the leader causes
NUM_CAR_ROWS = 19

# lanes
LANE = 0  # present lane, the target from the first moment of a change; PARKED: off the road
OLD_LANE = 1  # lane before the change
LEADER = 2
OLD_LEADER = 3  # leader in the old lane while a change is under way
FOLLOWER = 4  # in the present lane
ORDER = 5  # vehicles by rising position
RANK = 6  # inverse of ORDER
LAST_SEEN = 7  # scratch: per lane, the car last met while scanning
KEEPS_LANE = 8  # FREE; KEEPING: only to leave a ramp (trucks); COMMANDED: never by itself
NUM_LANE_ROWS = 9
PARKED = 7  # in place of a lane number
MAX_LANES = 6
FREE, KEEPING, COMMANDED = 0, 1, 2

# world
RING = 0  # [m] length of the closed road
ODOMETER = 1  # [m] driven by the ego since the start
SET_SPEED = 2  # [m/s] the ego's set-points
SET_GAP = 3  # [s]
JERK_SQUARES = 4  # sums over the sub-steps of a decision
LATERAL_SQUARES = 5
IMPOSED = 6
COMFORT = 7
EFFICIENCY = 8
SAFETY = 9
COURTESY = 10
NUM_WORLD_ROWS = 11

# clock
STREAM_A = 0  # state of the random stream
STREAM_B = 1
STEP = 2  # decisions taken in this episode
SUBSTEP = 3
CRASHED = 4
NUM_CLOCK_ROWS = 5

# settings, the same for all worlds
DT = 0  # [s] physics
LAG = 1  # 1 - exp(-dt / tau)
ERROR_KEEP = 2  # AR(1) coefficient per sub-step
ERROR_KICK = 3  # half width of its uniform innovation
SUBSTEPS = 4  # per decision
MOBIL_PERIOD = 5  # [sub-steps]
NUM_LANES = 6
RAMP_END = 7  # [m] where lane 0 ends; 0: no ramp, lane 0 is an ordinary lane
EGO_IS_IDM = 8  # 1: the ego is driven by IDM and MOBIL
ACTION_KIND = 9  # MULTI_DISCRETE, DISCRETE or CONTINUOUS
DENSITY_LOW = 10  # [vehicles/m/lane]
DENSITY_HIGH = 11
WARM_DT = 12  # [s]
WARM_LAG = 13
WARM_KEEP = 14
WARM_KICK = 15
WARM_SUBSTEPS = 16
NUM_SETTINGS = 17

MULTI_DISCRETE, DISCRETE, CONTINUOUS = 0, 1, 2

LANE_WIDTH = 4.0  # [m]
CAR_WIDTH = 2.0  # [m]
LANE_CHANGE_TIME = 4.0  # [s]; a quintic over 4 m then peaks at 1.44 m/s2
# [s] until the body has left the old lane: the quintic passes 3/4 of its way at .641 of its time
CLEAR_TIME = 2.6
MIN_ACCEL, MAX_TARGET_ACCEL = -8.0, 3.0  # [m/s2] what the tyres and the engine give
MIN_SPEED_SET, MAX_SPEED_SET = 10.0, 37.5  # [m/s]
LOW_GAP_SET, HIGH_GAP_SET = 0.8, 2.2  # [s]
