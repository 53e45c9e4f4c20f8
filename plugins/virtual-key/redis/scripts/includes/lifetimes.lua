--- Lifetimes are text, because Redis would format a number with each run.

--- Seconds: what belongs to a key that is not registered is forgotten this long after its last use. 400 days.
local FORGET_AFTER = '34560000'

--- Seconds: counters outlive their window, so that a usage record that waited while Redis was away still finds its own.
local OUTLIVE = 86400
