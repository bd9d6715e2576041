-- Orthanc sends every CT series that has become stable to the modality "raunet".
-- RestApiPost and not SendToModality: the latter does not take a series.
function OnStableSeries(seriesId, tags, metadata)
  if tags['Modality'] == 'CT' then
    RestApiPost('/modalities/raunet/store', seriesId)
  end
end
