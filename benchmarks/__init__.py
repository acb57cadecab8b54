"""Speed and reach of stromal, measured beside other tools."""
